/* Connections to a KMS. Inside lib/appkeys only. */
#pragma once

#include "appkeys/kms_identity.h"
#include "prpc/client.h"

/* What the KMS's own certificate is held against, inside the handshake. */
typedef struct {
  gboolean judge_evidence; /* FALSE: evidence in it is left alone; the CA and the usage speak for it */
  RatlsVerifier *verifier; /* may be NULL: then a certificate with evidence is refused */
  GBytes *mr_aggregated;   /* out: of the evidence, or NULL */
} KmsServerCheck;

/* For the first call: nothing about the server is known yet, and nothing is checked. */
PrpcClient *kms_client_unverified(const char *base_url, GError **error);
/* Trusts certificates under `ca_cert` alone, for the URL's host, of usage "kms:rpc". `check` must outlive the client.
 */
PrpcClient *kms_client_new(const char *base_url, const char *ca_cert, const KmsCredential *credential,
                           KmsServerCheck *check, GError **error);
