/* GetKey: keys of the app by path, with the chain that proves whose they are (spec: prpc-and-agent-api 4, 5.2). */
#pragma once

#include "appkeys/appkeys.h"
#include "crypto/k256.h"

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

#define APP_KEY_SIZE 32
#define APP_KEY_PUBLIC_MAX 33

typedef enum { APP_KEY_K256, APP_KEY_ED25519 } AppKeyAlgorithm;

/* "" and "secp256k1", "k256", "ed25519". Error INVALID "unsupported algorithm". */
gboolean app_key_algorithm(const char *name, AppKeyAlgorithm *out, GError **error);

/* KDF(k256_key, [path]): the path alone selects the key. `out_len` is 32. */
Secret *app_key_secret(const AppKeys *keys, const char *path);

typedef struct {
  Secret *key;
  guint8 public_key[APP_KEY_PUBLIC_MAX];
  gsize public_len;                      /* 33 compressed, or 32 for ed25519 */
  guint8 signature[K256_SIGNATURE_SIZE]; /* the app key's over purpose and public key */
} AppKey;
/* Error INVALID when the derived scalar is out of range: never reduced, no other key instead. */
AppKey *app_key_derive(const AppKeys *keys, const char *path, const char *purpose, AppKeyAlgorithm algorithm,
                       GError **error);
/* What GetKey returns: the app's signature and the KMS's over the app's key, in that order. Newly allocated, *n entries. */
ProtobufCBinaryData *app_key_signature_chain(const AppKeys *keys, const AppKey *key, gsize *n);
/* Keys are shared and never changed: app_key_free() gives a reference back. */
AppKey *app_key_ref(AppKey *key);
void app_key_free(AppKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppKey, app_key_free)
