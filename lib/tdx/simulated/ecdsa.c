#include "tdx/simulated/ecdsa.h"

#include "crypto/digest.h"
#include "tdx/simulated/der.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <string.h>

#define SCALAR_SIZE 32

typedef struct {
  EC_GROUP *group;
  const BIGNUM *order;
  BN_CTX *context;
  BIGNUM *secret, *digest; /* of `context` */
} Signer;

/* The generator of RFC 6979, section 3.2. */
typedef struct {
  guint8 key[SHA256_SIZE], value[SHA256_SIZE];
} NonceSource;

static void mac(NonceSource *source, guint8 out[SHA256_SIZE], const guint8 *suffix, gsize suffix_len) {
  guint8 input[SHA256_SIZE + 1 + 2 * SCALAR_SIZE];
  memcpy(input, source->value, SHA256_SIZE);
  if (suffix_len > 0)
    memcpy(input + SHA256_SIZE, suffix, suffix_len);
  unsigned int len = SHA256_SIZE;
  guint8 result[SHA256_SIZE];
  g_assert(HMAC(EVP_sha256(), source->key, SHA256_SIZE, input, SHA256_SIZE + suffix_len, result, &len));
  memcpy(out, result, SHA256_SIZE);
}

static void rekey(NonceSource *source, guint8 step, const guint8 *seed, gsize seed_len) {
  guint8 suffix[1 + 2 * SCALAR_SIZE];
  suffix[0] = step;
  if (seed_len > 0)
    memcpy(suffix + 1, seed, seed_len);
  mac(source, source->key, suffix, 1 + seed_len);
  mac(source, source->value, suffix, 0);
}

static void nonce_source_init(NonceSource *source, const guint8 seed[2 * SCALAR_SIZE]) {
  memset(source->key, 0, SHA256_SIZE);
  memset(source->value, 1, SHA256_SIZE);
  rekey(source, 0, seed, 2 * SCALAR_SIZE);
  rekey(source, 1, seed, 2 * SCALAR_SIZE);
}

static void next_nonce(NonceSource *source, BIGNUM *nonce) {
  mac(source, source->value, NULL, 0);
  g_assert(BN_bin2bn(source->value, SHA256_SIZE, nonce));
}

/* r = (kG).x mod n, s = (z + r d) / k mod n. FALSE when k is out of range or either is zero. */
static gboolean sign_with(const Signer *signer, const BIGNUM *nonce, BIGNUM *r, BIGNUM *s) {
  if (BN_is_zero(nonce) || BN_cmp(nonce, signer->order) >= 0)
    return FALSE;
  EC_POINT *point = EC_POINT_new(signer->group);
  gboolean done = EC_POINT_mul(signer->group, point, nonce, NULL, NULL, signer->context) &&
                  EC_POINT_get_affine_coordinates(signer->group, point, r, NULL, signer->context) &&
                  BN_nnmod(r, r, signer->order, signer->context) &&
                  BN_mod_mul(s, r, signer->secret, signer->order, signer->context) &&
                  BN_mod_add(s, s, signer->digest, signer->order, signer->context);
  BIGNUM *inverse = BN_mod_inverse(NULL, nonce, signer->order, signer->context);
  done = done && inverse && BN_mod_mul(s, s, inverse, signer->order, signer->context);
  BN_free(inverse);
  EC_POINT_free(point);
  g_assert(done);
  return !BN_is_zero(r) && !BN_is_zero(s);
}

static void sign_digest(Signer *signer, guint8 signature[64]) {
  guint8 seed[2 * SCALAR_SIZE];
  BN_bn2binpad(signer->secret, seed, SCALAR_SIZE);
  BN_bn2binpad(signer->digest, seed + SCALAR_SIZE, SCALAR_SIZE);
  NonceSource source;
  nonce_source_init(&source, seed);
  secret_wipe(seed, sizeof seed);
  BIGNUM *nonce = BN_CTX_get(signer->context), *r = BN_CTX_get(signer->context), *s = BN_CTX_get(signer->context);
  g_assert(s);
  next_nonce(&source, nonce);
  while (!sign_with(signer, nonce, r, s)) {
    rekey(&source, 0, NULL, 0);
    next_nonce(&source, nonce);
  }
  BN_bn2binpad(r, signature, SCALAR_SIZE);
  BN_bn2binpad(s, signature + SCALAR_SIZE, SCALAR_SIZE);
  secret_wipe(&source, sizeof source);
}

void simulated_sign_raw(EVP_PKEY *key, const void *data, gsize len, guint8 signature[64]) {
  guint8 digest[SHA256_SIZE];
  digest_sha256(data, len, digest);
  g_autoptr(Secret) scalar = p256_scalar(key);
  Signer signer = {.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), .context = BN_CTX_secure_new()};
  g_assert(signer.group && signer.context);
  signer.order = EC_GROUP_get0_order(signer.group);
  BN_CTX_start(signer.context);
  signer.secret = BN_CTX_get(signer.context);
  signer.digest = BN_CTX_get(signer.context);
  g_assert(signer.digest && BN_bin2bn(secret_peek(scalar), SCALAR_SIZE, signer.secret) &&
           BN_bin2bn(digest, SHA256_SIZE, signer.digest) &&
           BN_nnmod(signer.digest, signer.digest, signer.order, signer.context));
  sign_digest(&signer, signature);
  BN_CTX_end(signer.context);
  BN_CTX_free(signer.context);
  EC_GROUP_free(signer.group);
}

GBytes *simulated_sign(EVP_PKEY *key, const void *data, gsize len) {
  guint8 raw[64];
  simulated_sign_raw(key, data, len, raw);
  GByteArray *integers = g_byte_array_new(), *out = g_byte_array_new();
  der_put_integer(integers, raw, SCALAR_SIZE);
  der_put_integer(integers, raw + SCALAR_SIZE, SCALAR_SIZE);
  der_wrap(out, DER_SEQUENCE, integers);
  return g_byte_array_free_to_bytes(out);
}
