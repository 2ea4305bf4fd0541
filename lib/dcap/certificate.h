/* One certificate of a DCAP chain with the facts the path rules look at, taken out once (B.6). */
#pragma once

#include "dcap/memo.h"

#include <glib.h>
#include <openssl/x509.h>

#define DCAP_CERT_MAX_EXTENSIONS 32

typedef struct {
  gatomicrefcount refs;
  GBytes *der;
  X509 *x509;
  const guint8 *subject, *issuer; /* DER, inside x509 */
  gsize subject_len, issuer_len;
  char *common_name;            /* of the subject; "" when there is none */
  guint8 point[64];             /* public key, x || y */
  gint64 not_before, not_after; /* Unix seconds */
  gboolean is_ca;
  long path_len;                          /* -1: not limited */
  gboolean may_sign_certs, may_sign_crls; /* key usage allows it, or is absent */
  gboolean may_serve_tls;                 /* extended key usage is absent or has serverAuth */
  DcapMemo memo;
} DcapCert;

/* Error INVALID: not exactly one DER certificate, another key than P-256, another signature than ECDSA with SHA-256, an
 * extension that is duplicate, malformed, or critical and unknown here. */
DcapCert *dcap_cert_parse(GBytes *der, GError **error);
DcapCert *dcap_cert_ref(DcapCert *cert);
void dcap_cert_unref(DcapCert *cert);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapCert, dcap_cert_unref)

gboolean dcap_cert_equal(const DcapCert *a, const DcapCert *b);
/* Names `issuer` as its issuer and is signed by its key. The signature is computed once for each issuer. */
gboolean dcap_cert_issued_by(DcapCert *cert, const DcapCert *issuer);
/* Seconds since 1970 of an X.509 time; FALSE when it is malformed. */
gboolean dcap_asn1_time(const ASN1_TIME *time, gint64 *out);

/* Intel's root. Borrowed. */
DcapCert *dcap_intel_root_cert(void);
