/* ECDSA on secp256k1 over Keccak-256, as Ethereum does it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define K256_COMPRESSED_SIZE 33
#define K256_UNCOMPRESSED_SIZE 65
#define K256_SIGNATURE_SIZE 65 /* r || s || v, v 0, 1, 27 or 28 */
#define KECCAK256_SIZE 32

void keccak256(const void *data, size_t size, uint8_t out[KECCAK256_SIZE]);
/* FALSE when no key made the signature. */
bool k256_recover(const void *message, size_t size, const uint8_t signature[K256_SIGNATURE_SIZE],
                  uint8_t signer[K256_COMPRESSED_SIZE]);
/* FALSE when the key is no scalar of the curve. */
bool k256_public(const uint8_t private_key[32], uint8_t public_key[K256_UNCOMPRESSED_SIZE]);
