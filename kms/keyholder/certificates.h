/* The certificates that root keys issue (spec: kms 3.4). */
#pragma once

#include "kms/keyholder/keys.h"

#include "crypto/x509.h"

#include <glib.h>

typedef struct {
  X509 *temp_ca, *root_ca, *rpc;
} KmsCertificates;
void kms_certificates_clear(KmsCertificates *certificates);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KmsCertificates, kms_certificates_clear)

X509 *certificate_temp_ca(const RootKeys *keys, GError **error);
X509 *certificate_root_ca(const RootKeys *keys, GError **error);
/* Evidence that binds the rpc key; all empty or NULL: a certificate without. */
typedef struct {
  GBytes *quote, *event_log;
  GBytes *attestation; /* the same in the versioned form, or NULL or empty */
} CertificateEvidence;
X509 *certificate_rpc(const RootKeys *keys, X509 *root_ca, const char *domain, const CertificateEvidence *evidence,
                      GError **error);

typedef struct {
  guint8 app_id[KMS_APP_ID_SIZE];
  EVP_PKEY *public_key;
  const char *organization; /* NULL: none */
  const char *common_name;
  const char *const *alt_names;
  gboolean server_auth, client_auth;
  CertificateEvidence evidence;
  GBytes *app_info;               /* NULL or empty: none */
  guint64 not_before, not_after;  /* Unix seconds; 0: not asked for */
} LeafRequest;
/* The leaf under the app's own CA, and that CA under the root: both PEM, to be freed with g_free(). A leaf ends with its
 * CA at the latest. Error INVALID when it would not begin before it ends, or begin over 30 days from now. */
gboolean certificate_app_leaf(const RootKeys *keys, X509 *root_ca, const LeafRequest *request, char **leaf,
                              char **app_ca, GError **error);

/* SHA-256 of the DER. */
gboolean certificate_digest(const char *pem, guint8 out[32], GError **error);

/* The certificate in `pem` for `key`. Error UNVERIFIED when it is another key's. */
X509 *certificate_load(GBytes *pem, EVP_PKEY *key, const char *what, GError **error);
/* TRUE when it ends within a year from now: it is then issued anew at start. */
gboolean certificate_ends_soon(X509 *certificate);
