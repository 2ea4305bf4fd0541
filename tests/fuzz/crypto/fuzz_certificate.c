/* Certificates in DER: everything that is read from one. */
#include "crypto/x509.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

static void read_extensions(X509 *cert) {
  const char *const oids[] = {"1.3.6.1.4.1.62397.1.1", "1.3.6.1.4.1.62397.1.2", "1.3.6.1.4.1.62397.1.4", "2.5.29.17"};
  for (gsize i = 0; i < G_N_ELEMENTS(oids); i++) {
    g_autoptr(GBytes) content = NULL, raw = NULL;
    const gboolean unwrapped = cert_extension(cert, oids[i], &content, NULL);
    if (cert_extension_raw(cert, oids[i], &raw, NULL))
      g_assert_true(!unwrapped || !raw == !content);
  }
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len) {
  g_autoptr(X509) cert = cert_from_der(data, len, NULL);
  if (!cert)
    return 0;
  read_extensions(cert);
  g_autoptr(GBytes) spki = cert_spki(cert);
  g_assert_nonnull(spki);
  g_autoptr(EVP_PKEY) key = cert_public_key(cert);
  if (key && p256_is(key)) {
    g_autoptr(GBytes) canonical = p256_spki(key);
    g_assert_nonnull(canonical);
  }
  g_autoptr(GPtrArray) chain = g_ptr_array_new();
  g_ptr_array_add(chain, cert);
  (void)certs_verify_chain(chain, cert, 1764000000, NULL); /* either answer is right; it must only end */
  return 0;
}
