#include "kms/keyholder/certificates.h"

#include "kms/domain.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

#define OID_QUOTE "1.3.6.1.4.1.62397.1.1"
#define OID_EVENT_LOG "1.3.6.1.4.1.62397.1.2"
#define OID_APP_ID "1.3.6.1.4.1.62397.1.3"
#define OID_USAGE "1.3.6.1.4.1.62397.1.4"
#define OID_ATTESTATION "1.3.6.1.4.1.62397.1.8"
#define OID_APP_INFO "1.3.6.1.4.1.62397.1.9"
#define ORGANIZATION "Dstack"
#define RENEW_BEFORE_SECONDS (365 * 86400)
#define MAX_EXTENSIONS 6
#define LEAF_MAX_SECONDS (3650 * 86400LL) /* as its CA, which is made with it */
#define LEAF_MAX_WAIT_SECONDS (30 * 86400LL)

void kms_certificates_clear(KmsCertificates *certificates) {
  g_clear_pointer(&certificates->temp_ca, X509_free);
  g_clear_pointer(&certificates->root_ca, X509_free);
  g_clear_pointer(&certificates->rpc, X509_free);
}

static X509 *self_signed(EVP_PKEY *key, const char *name, int path_len, GError **error) {
  CertSpec spec = {.organization = ORGANIZATION, .common_name = name, .ca_path_len = path_len};
  return cert_build(&spec, key, NULL, key, error);
}

X509 *certificate_temp_ca(const RootKeys *keys, GError **error) {
  return self_signed(keys->temp_ca, "Dstack Client Temp CA", 0, error);
}

X509 *certificate_root_ca(const RootKeys *keys, GError **error) {
  return self_signed(keys->root_ca, "Dstack KMS CA", 1, error);
}

typedef struct {
  CertExtension items[MAX_EXTENSIONS];
  gsize n;
} Extensions;

static void extensions_clear(Extensions *extensions) {
  for (gsize i = 0; i < extensions->n; i++)
    g_bytes_unref(extensions->items[i].content);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Extensions, extensions_clear)

static void add_extension(Extensions *extensions, const char *oid, const void *content, gsize len) {
  g_assert(extensions->n < MAX_EXTENSIONS);
  extensions->items[extensions->n++] = (CertExtension){oid, g_bytes_new(content, len)};
}

static void add_optional(Extensions *extensions, const char *oid, GBytes *content) {
  gsize len = 0;
  const void *data = content ? g_bytes_get_data(content, &len) : NULL;
  if (len > 0)
    add_extension(extensions, oid, data, len);
}

static void add_evidence(Extensions *extensions, const CertificateEvidence *evidence) {
  if (!evidence->quote || g_bytes_get_size(evidence->quote) == 0)
    return;
  gsize len;
  const void *quote = g_bytes_get_data(evidence->quote, &len);
  add_extension(extensions, OID_QUOTE, quote, len);
  const void *event_log = g_bytes_get_data(evidence->event_log, &len);
  add_extension(extensions, OID_EVENT_LOG, event_log, len);
}

X509 *certificate_rpc(const RootKeys *keys, X509 *root_ca, const char *domain, const CertificateEvidence *evidence,
                      GError **error) {
  g_auto(Extensions) extensions = {0};
  add_evidence(&extensions, evidence);
  add_extension(&extensions, OID_USAGE, "kms:rpc", strlen("kms:rpc"));
  add_optional(&extensions, OID_ATTESTATION, evidence->attestation);
  g_auto(GStrv) names = kms_domain_names(domain);
  CertSpec spec = {.common_name = names[0],
                   .alt_names = (const char *const *)names,
                   .ca_path_len = -1,
                   .extensions = extensions.items,
                   .n_extensions = extensions.n};
  return cert_build(&spec, keys->rpc, root_ca, keys->root_ca, error);
}

static X509 *build_app_ca(const RootKeys *keys, X509 *root_ca, const guint8 *app_id, EVP_PKEY *app_ca_key,
                          GError **error) {
  g_auto(Extensions) extensions = {0};
  add_extension(&extensions, OID_APP_ID, app_id, KMS_APP_ID_SIZE);
  add_extension(&extensions, OID_USAGE, "app:ca", strlen("app:ca"));
  CertSpec spec = {.organization = ORGANIZATION,
                   .common_name = "Dstack App CA",
                   .ca_path_len = 0,
                   .extensions = extensions.items,
                   .n_extensions = extensions.n};
  return cert_build(&spec, app_ca_key, root_ca, keys->root_ca, error);
}

static gboolean set_validity(const LeafRequest *request, CertSpec *spec, GError **error) {
  const guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC);
  if (request->not_before > now + LEAF_MAX_WAIT_SECONDS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate would begin over 30 days from now");
    return FALSE;
  }
  spec->not_before = (gint64)request->not_before;
  if (request->not_after < now + LEAF_MAX_SECONDS)
    spec->not_after = (gint64)request->not_after; /* else the end of its CA */
  return TRUE;
}

static X509 *build_leaf(const LeafRequest *request, X509 *app_ca, EVP_PKEY *app_ca_key, GError **error) {
  g_auto(Extensions) extensions = {0};
  add_evidence(&extensions, &request->evidence);
  add_extension(&extensions, OID_APP_ID, request->app_id, KMS_APP_ID_SIZE);
  add_optional(&extensions, OID_APP_INFO, request->app_info);
  add_extension(&extensions, OID_USAGE, "app:custom", strlen("app:custom"));
  add_optional(&extensions, OID_ATTESTATION, request->evidence.attestation);
  CertSpec spec = {.organization = request->organization,
                   .common_name = request->common_name,
                   .alt_names = request->alt_names,
                   .server_auth = request->server_auth,
                   .client_auth = request->client_auth,
                   .ca_path_len = -1,
                   .extensions = extensions.items,
                   .n_extensions = extensions.n};
  if (!set_validity(request, &spec, error))
    return NULL;
  return cert_build(&spec, request->public_key, app_ca, app_ca_key, error);
}

gboolean certificate_app_leaf(const RootKeys *keys, X509 *root_ca, const LeafRequest *request, char **leaf,
                              char **app_ca, GError **error) {
  g_autoptr(EVP_PKEY) app_ca_key = app_ca_key_derive(keys, request->app_id, error);
  if (!app_ca_key)
    return FALSE;
  g_autoptr(X509) app_ca_cert = build_app_ca(keys, root_ca, request->app_id, app_ca_key, error);
  g_autoptr(X509) leaf_cert = app_ca_cert ? build_leaf(request, app_ca_cert, app_ca_key, error) : NULL;
  if (!leaf_cert)
    return FALSE;
  *leaf = cert_to_pem(leaf_cert);
  *app_ca = cert_to_pem(app_ca_cert);
  return TRUE;
}

gboolean certificate_digest(const char *pem, guint8 out[32], GError **error) {
  g_autoptr(X509) certificate = cert_from_pem(pem, strlen(pem), error);
  if (!certificate)
    return FALSE;
  g_autoptr(GBytes) der = cert_to_der(certificate);
  gsize len;
  const void *data = g_bytes_get_data(der, &len);
  digest_sha256(data, len, out);
  return TRUE;
}

X509 *certificate_load(GBytes *pem, EVP_PKEY *key, const char *what, GError **error) {
  gsize len;
  const void *text = g_bytes_get_data(pem, &len);
  g_autoptr(X509) certificate = cert_from_pem(text, len, error);
  if (!certificate) {
    g_prefix_error(error, "%s: ", what);
    return NULL;
  }
  g_autoptr(GBytes) in_certificate = cert_spki(certificate);
  g_autoptr(GBytes) of_key = p256_spki(key);
  if (!g_bytes_equal(in_certificate, of_key)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "%s: certificate does not belong to its key", what);
    return NULL;
  }
  return g_steal_pointer(&certificate);
}

gboolean certificate_ends_soon(X509 *certificate) {
  time_t limit = g_get_real_time() / G_USEC_PER_SEC + RENEW_BEFORE_SECONDS;
  return X509_cmp_time(X509_get0_notAfter(certificate), &limit) <= 0; /* 0: unreadable, so issue anew */
}
