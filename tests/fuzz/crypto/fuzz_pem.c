/* PEM texts: certificates and private keys. What is read must come back the same. */
#include "crypto/x509.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static void certificates(const guint8 *data, gsize len) {
  g_autoptr(GPtrArray) certs = certs_from_pem(data, len, NULL);
  for (guint i = 0; certs && i < certs->len; i++) {
    g_autofree char *pem = cert_to_pem(g_ptr_array_index(certs, i));
    g_autoptr(X509) same = cert_from_pem(pem, strlen(pem), NULL);
    g_assert_nonnull(same);
  }
}

static void private_key(const guint8 *data, gsize len) {
  g_autoptr(EVP_PKEY) key = p256_from_pem(data, len, NULL);
  if (!key)
    return;
  g_autoptr(Secret) pem = p256_to_pem(key);
  g_autoptr(EVP_PKEY) same = p256_from_pem(secret_peek(pem), secret_len(pem), NULL);
  g_assert_cmpint(EVP_PKEY_eq(key, same), ==, 1);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len) {
  certificates(data, len);
  private_key(data, len);
  return 0;
}
