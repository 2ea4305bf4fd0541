#include "crypto/k256.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>

/* Ethereum's form of a recovery id. */
#define ETHEREUM_RECOVERY_OFFSET 27

/* One context for the program, blinded against side channels once; afterwards it is only read, which threads may share. */
static const secp256k1_context *shared_context(void) {
  static gsize ready;
  static secp256k1_context *context;
  if (g_once_init_enter(&ready)) {
    context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    g_autoptr(Secret) blinding = secret_new_random(32);
    if (!secp256k1_context_randomize(context, secret_peek(blinding)))
      g_error("the secp256k1 library can not be initialised");
    g_once_init_leave(&ready, 1);
  }
  return context;
}

gboolean k256_scalar_valid(const Secret *scalar) {
  return secret_len(scalar) == K256_SCALAR_SIZE && secp256k1_ec_seckey_verify(shared_context(), secret_peek(scalar)) == 1;
}

static gboolean require_valid(const Secret *scalar, GError **error) {
  if (k256_scalar_valid(scalar))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "secp256k1 key is out of range");
  return FALSE;
}

Secret *k256_generate(void) {
  for (;;) {
    g_autoptr(Secret) scalar = secret_new_random(K256_SCALAR_SIZE);
    if (k256_scalar_valid(scalar))
      return g_steal_pointer(&scalar);
  }
}

static void serialize_public(const secp256k1_pubkey *point, guint8 out[K256_PUBLIC_SIZE]) {
  size_t len = K256_PUBLIC_SIZE;
  /* Can't fail: the buffer has the size of the compressed form. */
  (void)secp256k1_ec_pubkey_serialize(shared_context(), out, &len, point, SECP256K1_EC_COMPRESSED);
}

gboolean k256_public(const Secret *scalar, guint8 out[K256_PUBLIC_SIZE], GError **error) {
  secp256k1_pubkey point;
  if (!require_valid(scalar, error))
    return FALSE;
  if (!secp256k1_ec_pubkey_create(shared_context(), &point, secret_peek(scalar))) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to compute a secp256k1 public key");
    return FALSE;
  }
  serialize_public(&point, out);
  return TRUE;
}

gboolean k256_expand(const guint8 public[K256_PUBLIC_SIZE], guint8 out[K256_POINT_SIZE], GError **error) {
  secp256k1_pubkey point;
  size_t len = K256_POINT_SIZE;
  if (!secp256k1_ec_pubkey_parse(shared_context(), &point, public, K256_PUBLIC_SIZE)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "secp256k1 public key is not on the curve");
    return FALSE;
  }
  return secp256k1_ec_pubkey_serialize(shared_context(), out, &len, &point, SECP256K1_EC_UNCOMPRESSED) == 1;
}

gboolean k256_sign_digest(const Secret *scalar, const guint8 digest[32], guint8 out[K256_SIGNATURE_SIZE], GError **error) {
  secp256k1_ecdsa_recoverable_signature signature;
  int recovery_id;
  if (!require_valid(scalar, error))
    return FALSE;
  if (!secp256k1_ecdsa_sign_recoverable(shared_context(), &signature, digest, secret_peek(scalar),
                                        secp256k1_nonce_function_rfc6979, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to sign with a secp256k1 key");
    return FALSE;
  }
  (void)secp256k1_ecdsa_recoverable_signature_serialize_compact(shared_context(), out, &recovery_id, &signature);
  out[64] = (guint8)recovery_id;
  return TRUE;
}

gboolean k256_sign_message(const Secret *scalar, const void *message, gsize len, guint8 out[K256_SIGNATURE_SIZE],
                           GError **error) {
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(message, len, digest);
  return k256_sign_digest(scalar, digest, out, error);
}

gboolean k256_recover_digest(const guint8 digest[32], const guint8 signature[K256_SIGNATURE_SIZE],
                             guint8 out[K256_PUBLIC_SIZE], GError **error) {
  guint8 recovery_id = signature[64];
  if (recovery_id >= ETHEREUM_RECOVERY_OFFSET)
    recovery_id -= ETHEREUM_RECOVERY_OFFSET;
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey point;
  if (recovery_id > 3 ||
      !secp256k1_ecdsa_recoverable_signature_parse_compact(shared_context(), &parsed, signature, recovery_id) ||
      !secp256k1_ecdsa_recover(shared_context(), &point, &parsed, digest)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "no public key can be recovered from the signature");
    return FALSE;
  }
  serialize_public(&point, out);
  return TRUE;
}

gboolean k256_recover_message(const void *message, gsize len, const guint8 signature[K256_SIGNATURE_SIZE],
                              guint8 out[K256_PUBLIC_SIZE], GError **error) {
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(message, len, digest);
  return k256_recover_digest(digest, signature, out, error);
}

/* The library would also take the "hybrid" form, which SEC1 readers of other languages refuse. */
static gboolean parse_public(const guint8 *data, gsize len, secp256k1_pubkey *out) {
  gboolean compressed = len == K256_PUBLIC_SIZE && (data[0] == 2 || data[0] == 3);
  gboolean whole = len == 2 * K256_PUBLIC_SIZE - 1 && data[0] == 4;
  return (compressed || whole) && secp256k1_ec_pubkey_parse(shared_context(), out, data, len);
}

static gboolean is_zero(const guint8 *scalar) {
  static const guint8 zero[K256_SCALAR_SIZE];
  return memcmp(scalar, zero, sizeof zero) == 0;
}

static gboolean parse_signature(const guint8 *data, gsize len, secp256k1_ecdsa_signature *out) {
  return len == 2 * K256_SCALAR_SIZE && !is_zero(data) && !is_zero(data + K256_SCALAR_SIZE) &&
         secp256k1_ecdsa_signature_parse_compact(shared_context(), out, data);
}

gboolean k256_verify_digest(const void *public_key, gsize key_len, const guint8 digest[32], const void *signature,
                            gsize signature_len, gboolean *valid, GError **error) {
  secp256k1_pubkey point;
  secp256k1_ecdsa_signature parsed;
  if (!parse_public(public_key, key_len, &point)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not a secp256k1 public key");
    return FALSE;
  }
  if (!parse_signature(signature, signature_len, &parsed)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not a secp256k1 signature of 64 bytes");
    return FALSE;
  }
  *valid = secp256k1_ecdsa_verify(shared_context(), &parsed, digest, &point) == 1;
  return TRUE;
}

Secret *k256_even_y(const Secret *scalar, GError **error) {
  guint8 point[K256_PUBLIC_SIZE];
  if (!k256_public(scalar, point, error))
    return NULL;
  g_autoptr(Secret) even = secret_copy(scalar);
  const gboolean odd = point[0] == SECP256K1_TAG_PUBKEY_ODD;
  if (odd && !secp256k1_ec_seckey_negate(shared_context(), secret_data(even))) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to negate a secp256k1 key");
    return NULL;
  }
  return g_steal_pointer(&even);
}
