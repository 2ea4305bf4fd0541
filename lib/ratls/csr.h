/* Certificate signing requests of dstack, SCALE-encoded (spec: kms 5.5, attestation D.4, D.5). */
#pragma once

#include "crypto/p256.h"
#include "ratls/evidence.h"

#include <glib.h>

typedef struct {
  guint version;  /* 1 or 2 */
  GBytes *pubkey; /* SPKI DER */
  char *org_name; /* NULL: none */
  char *subject;
  char **alt_names; /* NULL-terminated */
  gboolean server_auth, client_auth, ext_quote;
  /* version 1 */
  GBytes *quote;
  GBytes *event_log; /* JSON text */
  /* version 2 */
  gboolean ext_app_info;
  gboolean has_not_before, has_not_after;
  guint64 not_before, not_after; /* Unix seconds */
  GBytes *attestation;           /* as of ratls_attestation_encode() */
} RatlsCsr;
void ratls_csr_free(RatlsCsr *csr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RatlsCsr, ratls_csr_free)

/* By csr->version. */
GBytes *ratls_csr_encode(const RatlsCsr *csr);
/* `version` is the api_version of SignCert: 0 and 1 mean the first form, 2 the second, others INVALID.
 * Decodes and verifies the signature over the received bytes, then the confirm word. Trailing bytes, non-minimal
 * lengths, and keys that are not P-256 are errors. The evidence is not looked at. */
RatlsCsr *ratls_csr_open(guint version, GBytes *encoded, GBytes *signature, GError **error);
/* Verifies the evidence of a request, bound to its key. Errors as ratls_verify_evidence() and
 * ratls_verify_attestation(); DENIED "no attestation provided" for a request without. */
VerifiedEvidence *ratls_csr_verify(RatlsVerifier *verifier, const RatlsCsr *csr, GError **error);
