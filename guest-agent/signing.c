#include "guest-agent/signing.h"

#include "base/error.h"
#include "crypto/digest.h"
#include "guest-agent/ed25519.h"

#include <string.h>

#define KEY_PATH "vms"
#define KEY_PURPOSE "signing"

gboolean signing_algorithm(const char *name, SigningAlgorithm *out, GError **error) {
  static const struct {
    const char *name;
    SigningAlgorithm algorithm;
  } names[] = {{"ed25519", SIGNING_ED25519},
               {"secp256k1", SIGNING_K256},
               {"k256", SIGNING_K256},
               {"secp256k1_prehashed", SIGNING_K256_PREHASHED}};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (g_str_equal(name, names[i].name)) {
      *out = names[i].algorithm;
      return TRUE;
    }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "unsupported algorithm: expected ed25519, secp256k1, k256 or secp256k1_prehashed");
  return FALSE;
}

AppKey *signing_key(const AppKeys *keys, SigningAlgorithm algorithm, GError **error) {
  AppKeyAlgorithm base = algorithm == SIGNING_ED25519 ? APP_KEY_ED25519 : APP_KEY_K256;
  return app_key_derive(keys, KEY_PATH, KEY_PURPOSE, base, error);
}

/* FALSE when prehashed data is no digest. */
static gboolean digest_of(SigningAlgorithm algorithm, const void *data, gsize len, guint8 out[SHA256_SIZE]) {
  if (algorithm == SIGNING_K256)
    digest_sha256(data, len, out);
  else if (len == SHA256_SIZE)
    memcpy(out, data, len);
  return algorithm == SIGNING_K256 || len == SHA256_SIZE;
}

gboolean signing_sign(const AppKey *key, SigningAlgorithm algorithm, const void *data, gsize len,
                      guint8 out[SIGNING_SIGNATURE_SIZE], GError **error) {
  if (algorithm == SIGNING_ED25519)
    return ed25519_sign(key->key, data, len, out, error);
  guint8 digest[SHA256_SIZE], recoverable[K256_SIGNATURE_SIZE];
  if (!digest_of(algorithm, data, len, digest)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "secp256k1_prehashed needs a 32-byte digest, not %zu bytes", len);
    return FALSE;
  }
  if (!k256_sign_digest(key->key, digest, recoverable, error))
    return FALSE;
  memcpy(out, recoverable, SIGNING_SIGNATURE_SIZE);
  return TRUE;
}

gboolean signing_verify(SigningAlgorithm algorithm, SigningBytes public_key, SigningBytes data, SigningBytes signature,
                        gboolean *valid, GError **error) {
  if (algorithm == SIGNING_ED25519)
    return ed25519_verify(public_key.data, public_key.len, data.data, data.len, signature.data, signature.len, valid, error);
  guint8 digest[SHA256_SIZE] = {0};
  gboolean is_digest = digest_of(algorithm, data.data, data.len, digest);
  if (!k256_verify_digest(public_key.data, public_key.len, digest, signature.data, signature.len, valid, error))
    return FALSE;
  *valid = *valid && is_digest;
  return TRUE;
}
