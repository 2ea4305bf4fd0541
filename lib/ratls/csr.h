/* Certificate signing requests of dstack, SCALE-encoded (spec: kms 5.5, attestation D.4). */
#pragma once

#include "crypto/p256.h"

#include <glib.h>

typedef struct {
  guint version;     /* 1 */
  GBytes *pubkey;    /* SPKI DER */
  char *org_name;    /* NULL: none */
  char *subject;
  char **alt_names;  /* NULL-terminated */
  gboolean server_auth, client_auth, ext_quote;
  GBytes *quote;
  GBytes *event_log; /* JSON text */
} RatlsCsr;
void ratls_csr_free(RatlsCsr *csr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RatlsCsr, ratls_csr_free)

GBytes *ratls_csr_encode(const RatlsCsr *csr);
/* `version` is the api_version of SignCert: 0 and 1 mean the same form, 2 is NOT_IMPLEMENTED in this slice, others INVALID.
 * Decodes and verifies the signature over the received bytes, then the confirm word. Trailing bytes, non-minimal lengths,
 * and keys that are not P-256 are errors. */
RatlsCsr *ratls_csr_open(guint version, GBytes *encoded, GBytes *signature, GError **error);
