#include "guest-agent/ed25519.h"

#include "base/error.h"
#include "crypto/p256.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <string.h>

typedef EVP_MD_CTX DigestContext;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestContext, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BN_CTX, BN_CTX_free)

static gboolean fail(GError **error, DstackErrorCode code, const char *reason) {
  g_set_error(error, DSTACK_ERROR, (int)code, "%s", reason);
  return FALSE;
}

static EVP_PKEY *private_key(const Secret *seed) {
  return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret_peek(seed), secret_len(seed));
}

gboolean ed25519_public(const Secret *seed, guint8 out[ED25519_PUBLIC_SIZE], GError **error) {
  g_autoptr(EVP_PKEY) key = private_key(seed);
  size_t len = ED25519_PUBLIC_SIZE;
  if (key && EVP_PKEY_get_raw_public_key(key, out, &len) == 1)
    return TRUE;
  return fail(error, DSTACK_ERROR_INTERNAL, "failed to compute the ed25519 public key");
}

gboolean ed25519_sign(const Secret *seed, const void *data, gsize len, guint8 out[ED25519_SIGNATURE_SIZE], GError **error) {
  g_autoptr(EVP_PKEY) key = private_key(seed);
  g_autoptr(DigestContext) context = EVP_MD_CTX_new();
  size_t signature_len = ED25519_SIGNATURE_SIZE;
  if (key && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
      EVP_DigestSign(context, out, &signature_len, data, len) == 1)
    return TRUE;
  return fail(error, DSTACK_ERROR_INTERNAL, "failed to sign with ed25519");
}

/* The curve's d = -121665/121666 modulo p = 2^255 - 19. */
#define CURVE_P "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"
#define CURVE_D "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"

/* A y is a point's exactly if (y^2 - 1) / (d y^2 + 1) is a square; the quotient is one just when the product is. OpenSSL itself
 * looks at the point only while it verifies, where a bad key looks like a bad signature. */
static gboolean is_point(const guint8 encoded[ED25519_PUBLIC_SIZE]) {
  guint8 y_bytes[ED25519_PUBLIC_SIZE];
  memcpy(y_bytes, encoded, sizeof y_bytes);
  y_bytes[ED25519_PUBLIC_SIZE - 1] &= 0x7f; /* the top bit is the sign of x */
  g_autoptr(BN_CTX) context = BN_CTX_new();
  BN_CTX_start(context);
  BIGNUM *p = BN_CTX_get(context), *d = BN_CTX_get(context), *y = BN_CTX_get(context), *u = BN_CTX_get(context),
         *v = BN_CTX_get(context);
  gboolean computed = v && BN_hex2bn(&p, CURVE_P) && BN_hex2bn(&d, CURVE_D) &&
                      BN_lebin2bn(y_bytes, sizeof y_bytes, y) && BN_mod_sqr(u, y, p, context) &&
                      BN_mod_mul(v, d, u, p, context) && BN_add_word(v, 1) && BN_sub_word(u, 1) &&
                      BN_mod_mul(u, u, v, p, context);
  int symbol = computed ? BN_kronecker(u, p, context) : -1;
  BN_CTX_end(context);
  return symbol == 0 || symbol == 1;
}

gboolean ed25519_verify(const void *public_key, gsize key_len, const void *data, gsize len, const void *signature,
                        gsize signature_len, gboolean *valid, GError **error) {
  if (key_len != ED25519_PUBLIC_SIZE || !is_point(public_key))
    return fail(error, DSTACK_ERROR_INVALID, "not an ed25519 public key");
  if (signature_len != ED25519_SIGNATURE_SIZE)
    return fail(error, DSTACK_ERROR_INVALID, "not an ed25519 signature of 64 bytes");
  g_autoptr(EVP_PKEY) key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, key_len);
  g_autoptr(DigestContext) context = EVP_MD_CTX_new();
  if (!key || EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) != 1)
    return fail(error, DSTACK_ERROR_INTERNAL, "failed to set up ed25519");
  *valid = EVP_DigestVerify(context, signature, signature_len, data, len) == 1;
  return TRUE;
}
