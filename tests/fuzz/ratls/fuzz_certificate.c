/* The dstack extensions of a certificate: the input is the value of each. */
#include "ratls/evidence.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static X509 *certificate_with(const char *oid, const guint8 *data, gsize len) {
  static X509 *plain;
  if (!plain) {
    g_autoptr(EVP_PKEY) key = p256_generate();
    plain = cert_build(&(CertSpec){.common_name = "x", .ca_path_len = -1}, key, NULL, key, NULL);
  }
  X509 *cert = X509_dup(plain);
  ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
  ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(value, data, (int)len);
  X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
  ASN1_OBJECT_free(object);
  return cert;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len) {
  g_autoptr(X509) with_id = certificate_with(RATLS_OID_APP_ID, data, len);
  g_autoptr(GBytes) id = NULL;
  if (ratls_cert_app_id(with_id, &id, NULL))
    g_assert_cmpuint(g_bytes_get_size(id), ==, 20);
  g_autoptr(X509) with_usage = certificate_with(RATLS_OID_USAGE, data, len);
  g_autofree char *usage = NULL;
  if (ratls_cert_usage(with_usage, &usage, NULL))
    g_assert_nonnull(usage);
  g_autoptr(X509) with_info = certificate_with(RATLS_OID_APP_INFO, data, len);
  g_autoptr(AppInfo) info = NULL;
  if (ratls_cert_app_info(with_info, &info, NULL)) {
    g_autoptr(GBytes) encoded = ratls_app_info_encode(info, NULL);
    g_autoptr(AppInfo) again = ratls_app_info_decode(encoded, NULL);
    g_assert_nonnull(again);
  }
  return 0;
}
