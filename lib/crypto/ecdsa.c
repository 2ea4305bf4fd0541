/* ECDSA-SHA256 on P-256, in its ASN.1 and raw forms. */
#include "crypto/p256.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <string.h>

#define HALF 32

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ECDSA_SIG, ECDSA_SIG_free)

GBytes *p256_sign(EVP_PKEY *key, const void *data, gsize len) {
  g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
  size_t size = (size_t)EVP_PKEY_get_size(key);
  g_autofree guint8 *signature = g_malloc(size);
  if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
      EVP_DigestSign(context, signature, &size, data, len) != 1)
    g_error("the crypto library can not sign with a P-256 key");
  return g_bytes_new(signature, size);
}

gboolean p256_verify(EVP_PKEY *key, const void *data, gsize len, const void *signature, gsize signature_len) {
  g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
  gboolean ok = p256_is(key) && context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, signature_len, data, len) == 1;
  ERR_clear_error(); /* a refused signature must not look like a failure of this thread's next TLS call */
  return ok;
}

static ECDSA_SIG *signature_from_raw(const guint8 raw[64]) {
  ECDSA_SIG *signature = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(raw, HALF, NULL), *s = BN_bin2bn(raw + HALF, HALF, NULL);
  if (!signature || !r || !s || ECDSA_SIG_set0(signature, r, s) != 1)
    g_error("out of memory for a signature");
  return signature;
}

gboolean p256_verify_raw(const guint8 public_key[64], const void *data, gsize len, const guint8 signature[64]) {
  g_autoptr(EVP_PKEY) key = p256_from_raw_point(public_key);
  if (!key)
    return FALSE;
  g_autoptr(ECDSA_SIG) parsed = signature_from_raw(signature);
  guint8 *der = NULL;
  int der_len = i2d_ECDSA_SIG(parsed, &der);
  gboolean ok = der_len > 0 && p256_verify(key, data, len, der, (gsize)der_len);
  OPENSSL_free(der);
  return ok;
}

void p256_sign_raw(EVP_PKEY *key, const void *data, gsize len, guint8 signature[64]) {
  g_autoptr(GBytes) der = p256_sign(key, data, len);
  gsize size;
  const guint8 *at = g_bytes_get_data(der, &size);
  g_autoptr(ECDSA_SIG) parsed = d2i_ECDSA_SIG(NULL, &at, (long)size);
  if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, HALF) != HALF ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + HALF, HALF) != HALF)
    g_error("the crypto library made a signature that it can not read");
}
