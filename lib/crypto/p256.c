#include "crypto/p256.h"

#include "base/error.h"
#include "crypto/pem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#define SCALAR_SIZE 32
#define POINT_SIZE 65
#define PRIVATE_LABEL "PRIVATE KEY"
#define CURVE_NAME "prime256v1"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_clear_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EC_GROUP, EC_GROUP_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EC_POINT, EC_POINT_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM, OSSL_PARAM_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

/* The DER around the three variable fields: all keys of one curve share it. */
static const guint8 spki_prefix[P256_SPKI_SIZE - POINT_SIZE] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static const guint8 pkcs8_prefix[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                      0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const guint8 pkcs8_middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};
G_STATIC_ASSERT(sizeof pkcs8_prefix + SCALAR_SIZE + sizeof pkcs8_middle + POINT_SIZE == P256_PKCS8_SIZE);

EVP_PKEY *p256_generate(void) {
  EVP_PKEY *key = EVP_EC_gen(CURVE_NAME);
  if (!key)
    g_error("the crypto library can not make a P-256 key");
  return key;
}

static EVP_PKEY *assemble_unchecked(const BIGNUM *scalar, const guint8 point[POINT_SIZE]) {
  g_autoptr(OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new();
  if (!builder || !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, CURVE_NAME, 0) ||
      !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE) ||
      (scalar && !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar)))
    return NULL;
  g_autoptr(OSSL_PARAM) params = OSSL_PARAM_BLD_to_param(builder);
  g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  EVP_PKEY *key = NULL;
  if (!params || !context || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
    return NULL;
  return key;
}

/* Puts a key together; `scalar` NULL makes a public key. NULL when OpenSSL refuses the values, which must not look like a
 * failure of this thread's next TLS call. */
static EVP_PKEY *assemble(const BIGNUM *scalar, const guint8 point[POINT_SIZE]) {
  EVP_PKEY *key = assemble_unchecked(scalar, point);
  if (!key)
    ERR_clear_error();
  return key;
}

/* The public point of a scalar, which must be in 1..n-1. */
static gboolean multiply_base(const EC_GROUP *group, const BIGNUM *scalar, guint8 out[POINT_SIZE]) {
  g_autoptr(EC_POINT) point = EC_POINT_new(group);
  return point && EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
         EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, POINT_SIZE, NULL) == POINT_SIZE;
}

EVP_PKEY *p256_from_scalar(const Secret *scalar, GError **error) {
  g_autoptr(EC_GROUP) group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  g_autoptr(BIGNUM) number = BN_secure_new();
  if (!group || !number || !BN_bin2bn(secret_peek(scalar), (int)secret_len(scalar), number))
    g_error("the crypto library has no P-256");
  BN_set_flags(number, BN_FLG_CONSTTIME);
  if (secret_len(scalar) != SCALAR_SIZE || BN_is_zero(number) || BN_cmp(number, EC_GROUP_get0_order(group)) >= 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "p-256 private key is out of range");
    return NULL;
  }
  guint8 point[POINT_SIZE];
  EVP_PKEY *key = multiply_base(group, number, point) ? assemble(number, point) : NULL;
  if (!key)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to make a p-256 key");
  return key;
}

EVP_PKEY *p256_derive(EVP_PKEY *parent, const KdfContext *context, gsize n_context, GError **error) {
  g_autoptr(Secret) ikm = p256_scalar(parent);
  g_autoptr(Secret) child = kdf_ratls(ikm, context, n_context, SCALAR_SIZE);
  return p256_from_scalar(child, error);
}

static void require_number(EVP_PKEY *key, const char *name, guint8 out[SCALAR_SIZE]) {
  BIGNUM *number = NULL;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1 || BN_bn2binpad(number, out, SCALAR_SIZE) != SCALAR_SIZE)
    g_error("a key that is not P-256, or has no private part, was passed where one is needed");
  BN_clear_free(number);
}

Secret *p256_scalar(EVP_PKEY *key) {
  Secret *scalar = secret_new_zero(SCALAR_SIZE);
  require_number(key, OSSL_PKEY_PARAM_PRIV_KEY, secret_data(scalar));
  return scalar;
}

void p256_point(EVP_PKEY *key, guint8 out[65]) {
  out[0] = POINT_CONVERSION_UNCOMPRESSED;
  require_number(key, OSSL_PKEY_PARAM_EC_PUB_X, out + 1);
  require_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, out + 1 + SCALAR_SIZE);
}

gboolean p256_is(EVP_PKEY *key) {
  char name[32];
  size_t len;
  if (EVP_PKEY_get_group_name(key, name, sizeof name, &len) == 1)
    return strcmp(name, CURVE_NAME) == 0;
  ERR_clear_error();
  return FALSE;
}

GBytes *p256_spki(EVP_PKEY *key) {
  guint8 spki[P256_SPKI_SIZE];
  memcpy(spki, spki_prefix, sizeof spki_prefix);
  p256_point(key, spki + sizeof spki_prefix);
  return g_bytes_new(spki, sizeof spki);
}

EVP_PKEY *p256_from_spki(const void *der, gsize len, GError **error) {
  const guint8 *bytes = der;
  EVP_PKEY *key = NULL;
  if (len == P256_SPKI_SIZE && memcmp(bytes, spki_prefix, sizeof spki_prefix) == 0 &&
      bytes[sizeof spki_prefix] == POINT_CONVERSION_UNCOMPRESSED)
    key = assemble(NULL, bytes + sizeof spki_prefix);
  if (!key)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not an uncompressed p-256 public key");
  return key;
}

/* The curve without a point, made once: a copy of it takes a point four times faster than a key takes to be made. */
static EVP_PKEY *curve_only(void) {
  static gsize once;
  static EVP_PKEY *curve;
  if (g_once_init_enter(&once)) {
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)CURVE_NAME, 0),
                           OSSL_PARAM_construct_end()};
    g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &curve, EVP_PKEY_KEY_PARAMETERS, params) != 1)
      g_error("the crypto library has no P-256");
    g_once_init_leave(&once, 1);
  }
  return curve;
}

EVP_PKEY *p256_from_raw_point(const guint8 raw[64]) {
  guint8 point[POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
  memcpy(point + 1, raw, 2 * SCALAR_SIZE);
  g_autoptr(EVP_PKEY) key = EVP_PKEY_dup(curve_only());
  if (key && EVP_PKEY_set1_encoded_public_key(key, point, sizeof point) == 1)
    return g_steal_pointer(&key);
  ERR_clear_error();
  return NULL;
}

Secret *p256_pkcs8(EVP_PKEY *key) {
  g_autoptr(Secret) scalar = p256_scalar(key);
  Secret *der = secret_new_zero(P256_PKCS8_SIZE);
  guint8 *at = secret_data(der);
  memcpy(at, pkcs8_prefix, sizeof pkcs8_prefix);
  memcpy(at += sizeof pkcs8_prefix, secret_peek(scalar), SCALAR_SIZE);
  memcpy(at += SCALAR_SIZE, pkcs8_middle, sizeof pkcs8_middle);
  p256_point(key, at + sizeof pkcs8_middle);
  return der;
}

Secret *p256_to_pem(EVP_PKEY *key) {
  g_autoptr(Secret) der = p256_pkcs8(key);
  return pem_encode(PRIVATE_LABEL, secret_peek(der), secret_len(der));
}

/* Only the one form that p256_pkcs8() writes is read. Its scalar alone makes the key; comparing the whole result refuses
 * other curves, missing public keys and a public key of another scalar all at once. */
static EVP_PKEY *from_pkcs8(const Secret *der, GError **error) {
  if (secret_len(der) == P256_PKCS8_SIZE) {
    g_autoptr(Secret) scalar = secret_new(secret_peek(der) + sizeof pkcs8_prefix, SCALAR_SIZE);
    g_autoptr(EVP_PKEY) key = p256_from_scalar(scalar, NULL);
    g_autoptr(Secret) same = key ? p256_pkcs8(key) : NULL;
    if (same && secret_equal(same, der))
      return g_steal_pointer(&key);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not a PKCS#8 p-256 private key with its public key");
  return NULL;
}

EVP_PKEY *p256_from_pem(const void *pem, gsize len, GError **error) {
  g_autoptr(Secret) der = NULL;
  PemCursor cursor = pem_cursor(pem, MIN(len, PEM_MAX_SIZE));
  if (!pem_next(&cursor, PRIVATE_LABEL, &der, error))
    return NULL;
  if (!der) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "no PRIVATE KEY block");
    return NULL;
  }
  return from_pkcs8(der, error);
}
