/* Certificate revocation lists (B.6). */
#pragma once

#include "dcap/certificate.h"
#include "dcap/dcap.h"

#include <glib.h>
#include <openssl/x509.h>

#define DCAP_CRL_MAX_SIZE (1024 * 1024)

typedef struct {
  X509_CRL *list;
  gint64 this_update, next_update; /* Unix seconds */
  gboolean has_unknown_critical;
  DcapMemo memo;
} DcapCrl;

/* Error INVALID: not exactly one DER list, no next update, another signature than ECDSA with SHA-256. */
DcapCrl *dcap_crl_parse(GBytes *der, GError **error);
void dcap_crl_free(DcapCrl *crl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapCrl, dcap_crl_free)

/* Checks `cert`, issued by `issuer`, against all lists of that issuer, of which there must be one. */
DcapFailure dcap_crls_check(DcapCrl *const *crls, gsize n_crls, const DcapCert *cert, const DcapCert *issuer,
                            gint64 now, GError **error);
