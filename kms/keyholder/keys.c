#include "kms/keyholder/keys.h"

#include "crypto/envelope.h"

#include <string.h>

#define ISSUED_LABEL "dstack-kms-issued:"
#define ENV_LABEL "dstack-env-encrypt-pubkey:"

RootKeys *root_keys_generate(void) {
  RootKeys *keys = g_new0(RootKeys, 1);
  keys->temp_ca = p256_generate();
  keys->root_ca = p256_generate();
  keys->rpc = p256_generate();
  keys->k256 = k256_generate();
  return keys;
}

void root_keys_free(RootKeys *keys) {
  if (!keys)
    return;
  EVP_PKEY_free(keys->temp_ca);
  EVP_PKEY_free(keys->root_ca);
  EVP_PKEY_free(keys->rpc);
  secret_free(keys->k256);
  g_free(keys);
}

void app_secrets_clear(AppSecrets *secrets) {
  g_clear_pointer(&secrets->disk, secret_free);
  g_clear_pointer(&secrets->env, secret_free);
  g_clear_pointer(&secrets->k256, secret_free);
}

/* DH(key, context) of the spec: SHA-256 over the child key's whole PKCS#8, public part included. */
static Secret *derive_hashed(EVP_PKEY *parent, const KdfContext *context, gsize n_context, GError **error) {
  g_autoptr(EVP_PKEY) child = p256_derive(parent, context, n_context, error);
  if (!child)
    return NULL;
  g_autoptr(Secret) pkcs8 = p256_pkcs8(child);
  Secret *hash = secret_new_zero(SHA256_SIZE);
  digest_sha256(secret_peek(pkcs8), secret_len(pkcs8), secret_data(hash));
  return hash;
}

static Secret *derive_disk_key(const RootKeys *keys, const guint8 *app_id, const guint8 *instance_id, GError **error) {
  const KdfContext context[] = {
      {app_id, KMS_APP_ID_SIZE},
      {instance_id ? (const void *)instance_id : "", instance_id ? KMS_INSTANCE_ID_SIZE : 0},
      {"app-disk-crypt-key", strlen("app-disk-crypt-key")},
  };
  return derive_hashed(keys->root_ca, context, G_N_ELEMENTS(context), error);
}

static Secret *derive_env_key(const RootKeys *keys, const guint8 *app_id, GError **error) {
  const KdfContext context[] = {{app_id, KMS_APP_ID_SIZE}, {"env-encrypt-key", strlen("env-encrypt-key")}};
  return derive_hashed(keys->root_ca, context, G_N_ELEMENTS(context), error);
}

static Secret *derive_k256_key(const RootKeys *keys, const guint8 *app_id) {
  const KdfContext context[] = {{app_id, KMS_APP_ID_SIZE}, {"app-key", strlen("app-key")}};
  return kdf_ratls(keys->k256, context, G_N_ELEMENTS(context), K256_SCALAR_SIZE);
}

/* Signs label || app_id || middle || last; an empty middle is allowed. */
static gboolean sign_statement(const RootKeys *keys, const char *label, const guint8 *app_id, const void *middle,
                               gsize middle_len, const void *last, gsize last_len, guint8 *signature, GError **error) {
  g_autoptr(GByteArray) message = g_byte_array_new();
  g_byte_array_append(message, (const guint8 *)label, (guint)strlen(label));
  g_byte_array_append(message, app_id, KMS_APP_ID_SIZE);
  g_byte_array_append(message, middle, (guint)middle_len);
  g_byte_array_append(message, last, (guint)last_len);
  return k256_sign_message(keys->k256, message->data, message->len, signature, error);
}

gboolean app_secrets_derive(const RootKeys *keys, const guint8 app_id[KMS_APP_ID_SIZE], const guint8 *instance_id,
                            AppSecrets *out, GError **error) {
  g_auto(AppSecrets) secrets = {0};
  guint8 public_key[K256_PUBLIC_SIZE];
  secrets.k256 = derive_k256_key(keys, app_id);
  if (!(secrets.disk = derive_disk_key(keys, app_id, instance_id, error)) ||
      !(secrets.env = derive_env_key(keys, app_id, error)) || !k256_public(secrets.k256, public_key, error) ||
      !sign_statement(keys, ISSUED_LABEL, app_id, NULL, 0, public_key, sizeof public_key, secrets.k256_signature,
                      error))
    return FALSE;
  *out = secrets;
  secrets = (AppSecrets){0};
  return TRUE;
}

EVP_PKEY *app_ca_key_derive(const RootKeys *keys, const guint8 app_id[KMS_APP_ID_SIZE], GError **error) {
  const KdfContext context[] = {{app_id, KMS_APP_ID_SIZE}, {"app-ca", strlen("app-ca")}};
  return p256_derive(keys->root_ca, context, G_N_ELEMENTS(context), error);
}

gboolean env_key_derive(const RootKeys *keys, const guint8 app_id[KMS_APP_ID_SIZE], guint64 timestamp, EnvKey *out,
                        GError **error) {
  g_autoptr(Secret) secret = derive_env_key(keys, app_id, error);
  if (!secret)
    return FALSE;
  guint64 big_endian = GUINT64_TO_BE(timestamp);
  x25519_public(secret_peek(secret), out->public_key);
  return sign_statement(keys, ENV_LABEL, app_id, NULL, 0, out->public_key, sizeof out->public_key, out->signature,
                        error) &&
         sign_statement(keys, ENV_LABEL, app_id, &big_endian, sizeof big_endian, out->public_key,
                        sizeof out->public_key, out->signature_v1, error);
}
