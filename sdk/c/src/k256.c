#include "k256.h"

#include "crypto/keccak.h"

#include <openssl/rand.h>
#include <secp256k1_recovery.h>
#include <string.h>

void keccak256(const void *data, size_t size, uint8_t out[KECCAK256_SIZE]) {
  keccak_digest(data, size, out, KECCAK256_SIZE);
}

static bool recover(const secp256k1_context *context, const uint8_t digest[KECCAK256_SIZE], const uint8_t *signature,
                    int recovery, uint8_t signer[K256_COMPRESSED_SIZE]) {
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey key;
  size_t size = K256_COMPRESSED_SIZE;
  return secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, signature, recovery) &&
         secp256k1_ecdsa_recover(context, &key, &parsed, digest) &&
         secp256k1_ec_pubkey_serialize(context, signer, &size, &key, SECP256K1_EC_COMPRESSED);
}

bool k256_recover(const void *message, size_t size, const uint8_t signature[K256_SIGNATURE_SIZE],
                  uint8_t signer[K256_COMPRESSED_SIZE]) {
  int recovery = signature[64] == 27 || signature[64] == 28 ? signature[64] - 27 : signature[64];
  uint8_t digest[KECCAK256_SIZE];
  if (recovery > 1)
    return false;
  keccak256(message, size, digest);
  secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  bool found = recover(context, digest, signature, recovery, signer);
  secp256k1_context_destroy(context);
  return found;
}

bool k256_public(const uint8_t private_key[32], uint8_t public_key[K256_UNCOMPRESSED_SIZE]) {
  secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
  uint8_t blinding[32];
  secp256k1_pubkey key;
  size_t size = K256_UNCOMPRESSED_SIZE;
  bool done = RAND_priv_bytes(blinding, sizeof blinding) == 1 && secp256k1_context_randomize(context, blinding) &&
              secp256k1_ec_pubkey_create(context, &key, private_key) &&
              secp256k1_ec_pubkey_serialize(context, public_key, &size, &key, SECP256K1_EC_UNCOMPRESSED);
  explicit_bzero(blinding, sizeof blinding);
  secp256k1_context_destroy(context);
  return done;
}
