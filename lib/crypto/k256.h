/* ECDSA on secp256k1, as Ethereum does it: recoverable, low-S, deterministic (RFC 6979). */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define K256_SCALAR_SIZE 32
#define K256_PUBLIC_SIZE 33    /* compressed SEC1 */
#define K256_POINT_SIZE 65     /* uncompressed SEC1: 04 || x || y */
#define K256_SIGNATURE_SIZE 65 /* r || s || recovery id (0..3, never 27 or 28) */

/* TRUE when the secret is 32 bytes and a valid scalar. */
gboolean k256_scalar_valid(const Secret *scalar);
Secret *k256_generate(void);
/* The scalars below must be valid: error INVALID otherwise. */
gboolean k256_public(const Secret *scalar, guint8 out[K256_PUBLIC_SIZE], GError **error);
/* The uncompressed form of a public key. Error INVALID when it is none. */
gboolean k256_expand(const guint8 public[K256_PUBLIC_SIZE], guint8 out[K256_POINT_SIZE], GError **error);
gboolean k256_sign_digest(const Secret *scalar, const guint8 digest[32], guint8 out[K256_SIGNATURE_SIZE], GError **error);
/* Signs Keccak-256(message): `sign_rec` of spec prpc-and-agent-api 4. */
gboolean k256_sign_message(const Secret *scalar, const void *message, gsize len, guint8 out[K256_SIGNATURE_SIZE],
                           GError **error);
/* Error UNVERIFIED when no key can be recovered. Accepts recovery ids 0..3 and 27..30. */
gboolean k256_recover_digest(const guint8 digest[32], const guint8 signature[K256_SIGNATURE_SIZE],
                             guint8 out[K256_PUBLIC_SIZE], GError **error);
gboolean k256_recover_message(const void *message, gsize len, const guint8 signature[K256_SIGNATURE_SIZE],
                              guint8 out[K256_PUBLIC_SIZE], GError **error);
/* Verifies r || s over a digest. `public_key` is SEC1, compressed (33 bytes) or not (65). Error INVALID when key or signature have
 * no meaning at all: no point of the curve, not 64 bytes, r or s out of 1..n-1. A signature that is merely wrong, or has a high s,
 * gives *valid FALSE. */
gboolean k256_verify_digest(const void *public_key, gsize key_len, const guint8 digest[32], const void *signature,
                            gsize signature_len, gboolean *valid, GError **error);
/* BIP-340 form of a scalar: n - d when the public point has odd y (spec guest-os 7.5). */
Secret *k256_even_y(const Secret *scalar, GError **error);
