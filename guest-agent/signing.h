/* Sign and Verify: the app's signing key, and a stateless helper to check any signature (spec: prpc-and-agent-api 5.7). */
#pragma once

#include "guest-agent/app_key.h"

#define SIGNING_SIGNATURE_SIZE 64 /* r || s, or an ed25519 signature */

typedef enum { SIGNING_ED25519, SIGNING_K256, SIGNING_K256_PREHASHED } SigningAlgorithm;

/* "ed25519", "secp256k1", "k256", "secp256k1_prehashed"; there is no default. Error INVALID "unsupported algorithm". */
gboolean signing_algorithm(const char *name, SigningAlgorithm *out, GError **error);

/* The key "vms" of the app, with purpose "signing". */
AppKey *signing_key(const AppKeys *keys, SigningAlgorithm algorithm, GError **error);

/* Error INVALID when prehashed data is not a 32-byte digest. */
gboolean signing_sign(const AppKey *key, SigningAlgorithm algorithm, const void *data, gsize len,
                      guint8 out[SIGNING_SIGNATURE_SIZE], GError **error);

typedef struct {
  const void *data;
  gsize len;
} SigningBytes;
/* Error INVALID for a key or signature that has no meaning; a well-formed wrong one gives *valid FALSE. */
gboolean signing_verify(SigningAlgorithm algorithm, SigningBytes public_key, SigningBytes data, SigningBytes signature,
                        gboolean *valid, GError **error);
