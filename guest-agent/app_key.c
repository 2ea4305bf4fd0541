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
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported algorithm: expected secp256k1, k256 or ed25519");
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
  g_autoptr(AppKey) key = g_atomic_rc_box_new0(AppKey);
  key->key = app_key_secret(keys, path);
  if (!fill_public(key, algorithm, error))
    return NULL;
  g_autofree char *public_hex = hex_encode(key->public_key, key->public_len);
  g_autofree char *message = g_strconcat(purpose, ":", public_hex, NULL);
  if (!k256_sign_message(keys->k256_key, message, strlen(message), key->signature, error))
    return NULL;
  return g_steal_pointer(&key);
}

ProtobufCBinaryData *app_key_signature_chain(const AppKeys *keys, const AppKey *key, gsize *n) {
  *n = 2;
  ProtobufCBinaryData *chain = g_new0(ProtobufCBinaryData, *n);
  prpc_set_bytes(&chain[0], key->signature, sizeof key->signature);
  prpc_set_gbytes(&chain[1], keys->k256_signature);
  return chain;
}

static void app_key_clear(gpointer data) { secret_free(((AppKey *)data)->key); }

AppKey *app_key_ref(AppKey *key) { return g_atomic_rc_box_acquire(key); }

void app_key_free(AppKey *key) {
  if (key)
    g_atomic_rc_box_release_full(key, app_key_clear);
}
