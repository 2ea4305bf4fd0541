/* The .appkeys.json file (spec: guest-os 7.6). */
#include "appkeys/appkeys.h"

#include "appkeys/kms_identity.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/k256.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_SIZE (1024 * 1024)
#define FILE_MODE 0600
#define KEY_SIZE 32
#define WHAT "app keys"

static void wiping_free(void *pointer) {
  if (pointer)
    secret_wipe(pointer, malloc_usable_size(pointer));
  free(pointer);
}

/* Key files pass through jansson, whose copies must not stay behind in freed memory. Fits whatever it allocated before.
 */
static void wipe_json_memory(void) { json_set_alloc_funcs(malloc, wiping_free); }

static void wipe_text(char *text) {
  secret_wipe(text, strlen(text));
  g_free(text);
}

/* A key of KEY_SIZE bytes in hex. */
static gboolean read_key(const json_t *object, const char *name, Secret **out, GError **error) {
  const char *text = json_get_string(object, name, WHAT, error);
  if (!text)
    return FALSE;
  g_autoptr(Secret) key = secret_new_zero(KEY_SIZE);
  if (!hex_decode_fixed(text, secret_data(key), KEY_SIZE, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s: not %d bytes in hex", name, KEY_SIZE);
    return FALSE;
  }
  *out = g_steal_pointer(&key);
  return TRUE;
}

/* Missing and empty both mean that there is none. */
static gboolean read_env_key(const json_t *object, Secret **out, GError **error) {
  const char *text;
  if (!json_get_string_or(object, "env_crypt_key", "", &text, WHAT, error))
    return FALSE;
  return !*text || read_key(object, "env_crypt_key", out, error);
}

static gboolean read_signature(const json_t *object, GBytes **out, GError **error) {
  *out = json_get_hex(object, "k256_signature", WHAT, error);
  if (!*out)
    return FALSE;
  const gsize len = g_bytes_get_size(*out);
  if (len == 0 || len == K256_SIGNATURE_SIZE)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".k256_signature: neither empty nor %d bytes",
              K256_SIGNATURE_SIZE);
  return FALSE;
}

static gboolean read_text(const json_t *object, const char *name, char **out, GError **error) {
  *out = g_strdup(json_get_string(object, name, WHAT, error));
  return *out != NULL;
}

static gboolean read_secret_text(const json_t *object, const char *name, Secret **out, GError **error) {
  const char *text = json_get_string(object, name, WHAT, error);
  *out = text ? secret_new(text, strlen(text)) : NULL;
  return text != NULL;
}

static gboolean read_kms(AppKeys *keys, const json_t *object, GError **error) {
  keys->kind = KEY_PROVIDER_KMS;
  keys->identity = kms_identity_new();
  return read_text(object, "url", &keys->kms_url, error) &&
         (keys->kms_pubkey = json_get_hex(object, "pubkey", WHAT, error)) &&
         read_secret_text(object, "tmp_ca_key", &keys->tmp_ca_key_pem, error) &&
         read_text(object, "tmp_ca_cert", &keys->tmp_ca_cert, error);
}

static gboolean read_provider(AppKeys *keys, const json_t *root, GError **error) {
  json_t *provider = json_object_get(root, "key_provider");
  const char *name = json_object_size(provider) == 1 ? json_object_iter_key(json_object_iter(provider)) : "";
  const json_t *object = json_object_get(provider, name);
  if (strcmp(name, "Kms") == 0)
    return read_kms(keys, object, error);
  if (strcmp(name, "None") == 0) {
    keys->kind = KEY_PROVIDER_NONE;
    return read_secret_text(object, "key", &keys->ca_key_pem, error);
  }
  if (strcmp(name, "Local") == 0) {
    keys->kind = KEY_PROVIDER_LOCAL;
    return read_secret_text(object, "key", &keys->ca_key_pem, error) &&
           (keys->provider_mr = json_get_hex(object, "mr", WHAT, error));
  }
  if (strcmp(name, "Tpm") == 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, WHAT ": keys of a tpm are not implemented yet");
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".key_provider: expected one of None, Local, Kms");
  return FALSE;
}

static AppKeys *from_json(const json_t *root, GError **error) {
  g_autoptr(AppKeys) keys = g_new0(AppKeys, 1);
  if (!json_require_object(root, WHAT, error) || !read_key(root, "disk_crypt_key", &keys->disk_crypt_key, error) ||
      !read_env_key(root, &keys->env_crypt_key, error) || !read_key(root, "k256_key", &keys->k256_key, error) ||
      !read_signature(root, &keys->k256_signature, error) ||
      !read_text(root, "gateway_app_id", &keys->gateway_app_id, error) ||
      !read_text(root, "ca_cert", &keys->ca_cert, error) || !read_provider(keys, root, error))
    return NULL;
  return g_steal_pointer(&keys);
}

AppKeys *app_keys_load(const char *path, GError **error) {
  wipe_json_memory();
  GBytes *file = file_read(path, FILE_MAX_SIZE, error);
  if (!file) {
    g_prefix_error(error, "failed to read app keys: ");
    return NULL;
  }
  gsize len;
  char *text = g_bytes_unref_to_data(file, &len);
  g_autoptr(json_t) root = json_parse(text, len, WHAT, error);
  secret_wipe(text, len);
  g_free(text);
  AppKeys *keys = root ? from_json(root, error) : NULL;
  if (!keys)
    g_prefix_error(error, "%s: ", path);
  return keys;
}

static json_t *hex_value(const void *data, gsize len) {
  char *text = hex_encode(data, len);
  json_t *value = json_string(text);
  wipe_text(text);
  return value;
}

static json_t *secret_hex(const Secret *secret) {
  return secret ? hex_value(secret_peek(secret), secret_len(secret)) : json_string("");
}

static json_t *secret_text(const Secret *secret) {
  return json_stringn((const char *)secret_peek(secret), secret_len(secret));
}

static json_t *bytes_hex(GBytes *bytes) {
  return bytes ? hex_value(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : json_string("");
}

static json_t *provider_to_json(const AppKeys *keys) {
  switch (keys->kind) {
  case KEY_PROVIDER_KMS:
    return json_pack("{s:{s:s, s:o, s:o, s:s}}", "Kms", "url", keys->kms_url, "pubkey", bytes_hex(keys->kms_pubkey),
                     "tmp_ca_key", secret_text(keys->tmp_ca_key_pem), "tmp_ca_cert", keys->tmp_ca_cert);
  case KEY_PROVIDER_LOCAL:
    return json_pack("{s:{s:o, s:o}}", "Local", "key", secret_text(keys->ca_key_pem), "mr",
                     bytes_hex(keys->provider_mr));
  default:
    return json_pack("{s:{s:o}}", "None", "key", secret_text(keys->ca_key_pem));
  }
}

gboolean app_keys_save(const AppKeys *keys, const char *path, GError **error) {
  wipe_json_memory();
  g_autoptr(json_t) root =
      json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "disk_crypt_key", secret_hex(keys->disk_crypt_key),
                "env_crypt_key", secret_hex(keys->env_crypt_key), "k256_key", secret_hex(keys->k256_key),
                "k256_signature", bytes_hex(keys->k256_signature), "gateway_app_id", keys->gateway_app_id, "ca_cert",
                keys->ca_cert, "key_provider", provider_to_json(keys));
  if (!root) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to write app keys: a field is missing or no utf-8");
    return FALSE;
  }
  char *text = json_print(root);
  const gboolean ok = file_write_atomic(path, text, strlen(text), FILE_MODE, error);
  wipe_text(text);
  if (!ok)
    g_prefix_error(error, "failed to write app keys: ");
  return ok;
}
