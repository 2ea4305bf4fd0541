/* The X25519 envelope of encrypted environments: ephemeral public key (32) || IV (12) || AES-256-GCM ciphertext || tag (16).
 * The AES key is the raw X25519 shared secret, the AAD is empty (spec: guest-os 10, supervisor-and-cli C). */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define X25519_SIZE 32
#define ENVELOPE_OVERHEAD 60

void x25519_public(const guint8 secret[X25519_SIZE], guint8 out[X25519_SIZE]);
/* Error UNVERIFIED for an all-zero shared secret (a peer key of small order). */
GBytes *envelope_seal(const guint8 public_key[X25519_SIZE], const void *plaintext, gsize len, GError **error);
/* Error UNVERIFIED: too short, small-order key or wrong tag. */
Secret *envelope_open(const Secret *secret, const void *envelope, gsize len, GError **error);
/* For vectors: seals with a given ephemeral secret and IV. */
GBytes *envelope_seal_with(const guint8 public_key[X25519_SIZE], const guint8 ephemeral_secret[X25519_SIZE],
                           const guint8 iv[12], const void *plaintext, gsize len, GError **error);
