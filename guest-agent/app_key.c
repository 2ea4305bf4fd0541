#include "guest-agent/app_key.h"

#include "base/error.h"
#include "base/hex.h"
#include "guest-agent/ed25519.h"
#include "prpc/message.h"

#include <string.h>

gboolean app_key_algorithm(const char *name, AppKeyAlgorithm *out, GError **error) {
  if (g_str_equal(name, "") || g_str_equal(name, "secp256k1") || g_str_equal(name, "k256"))
    *out = APP_KEY_K256;
  else if (g_str_equal(name, "ed25519"))
    *out = APP_KEY_ED25519;
  else {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported algorithm");
    return FALSE;
  }
  return TRUE;
}

Secret *app_key_secret(const AppKeys *keys, const char *path) {
  KdfContext context = {path, strlen(path)};
  return kdf_ratls(keys->k256_key, &context, 1, APP_KEY_SIZE);
}

static gboolean fill_public(AppKey *key, AppKeyAlgorithm algorithm, GError **error) {
  if (algorithm == APP_KEY_ED25519) {
    key->public_len = ED25519_PUBLIC_SIZE;
    return ed25519_public(key->key, key->public_key, error);
  }
  key->public_len = K256_PUBLIC_SIZE;
  return k256_public(key->key, key->public_key, error);
}

AppKey *app_key_derive(const AppKeys *keys, const char *path, const char *purpose, AppKeyAlgorithm algorithm,
                       GError **error) {
  g_autoptr(AppKey) key = g_new0(AppKey, 1);
  key->key = app_key_secret(keys, path);
  if (!fill_public(key, algorithm, error))
    return NULL;
  g_autofree char *public_hex = hex_encode(key->public_key, key->public_len);
  g_autofree char *message = g_strconcat(purpose, ":", public_hex, NULL);
  if (!k256_sign_message(keys->k256_key, message, strlen(message), key->signature, error))
    return NULL;
  return g_steal_pointer(&key);
}

AppKey *app_key_named(const AppKeys *keys, const char *path, const char *purpose, const char *algorithm, GError **error) {
  AppKeyAlgorithm parsed;
  return app_key_algorithm(algorithm, &parsed, error) ? app_key_derive(keys, path, purpose, parsed, error) : NULL;
}

ProtobufCBinaryData *app_key_signature_chain(const AppKeys *keys, const AppKey *key, gsize *n) {
  *n = 2;
  ProtobufCBinaryData *chain = g_new0(ProtobufCBinaryData, *n);
  prpc_set_bytes(&chain[0], key->signature, sizeof key->signature);
  prpc_set_gbytes(&chain[1], keys->k256_signature);
  return chain;
}

void app_key_free(AppKey *key) {
  if (!key)
    return;
  secret_free(key->key);
  g_free(key);
}
