/* Keys that need no KMS: everything from one seed (spec: guest-os 7.5). */
#include "appkeys/appkeys.h"

#include "base/error.h"
#include "crypto/k256.h"

#include <string.h>

#define SEED_SIZE 32
#define ROOT_PATH_LEN 1

static Secret *derive(const Secret *seed, const char *purpose) {
  return kdf_ratls(seed, (KdfContext[]){{purpose, strlen(purpose)}}, 1, SEED_SIZE);
}

static EVP_PKEY *derive_p256(const Secret *seed, const char *purpose, GError **error) {
  g_autoptr(Secret) scalar = derive(seed, purpose);
  EVP_PKEY *key = p256_from_scalar(scalar, error);
  if (!key)
    g_prefix_error(error, "%s: ", purpose);
  return key;
}

static Secret *derive_disk_key(const Secret *seed, GError **error) {
  g_autoptr(EVP_PKEY) key = derive_p256(seed, "app-disk-key", error);
  if (!key)
    return NULL;
  g_autoptr(Secret) der = p256_pkcs8(key);
  Secret *hash = secret_new_zero(SHA256_SIZE);
  digest_sha256(secret_peek(der), secret_len(der), secret_data(hash));
  return hash;
}

static Secret *derive_k256_key(const Secret *seed, GError **error) {
  g_autoptr(Secret) scalar = derive(seed, "app-k256-key");
  return k256_even_y(scalar, error);
}

static char *make_root(EVP_PKEY *key, TdxPlatform *platform, GError **error) {
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  if (!ratls_take_evidence(platform, key, &quote, &event_log, error))
    return NULL;
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, event_log}};
  const CertSpec spec = {.common_name = "App Root Cert",
                         .ca_path_len = ROOT_PATH_LEN,
                         .extensions = extensions,
                         .n_extensions = G_N_ELEMENTS(extensions)};
  g_autoptr(X509) cert = cert_build(&spec, key, NULL, key, error);
  return cert ? cert_to_pem(cert) : NULL;
}

static gboolean acceptable(const Secret *seed, KeyProviderKind kind, GError **error) {
  if (secret_len(seed) == SEED_SIZE && (kind == KEY_PROVIDER_NONE || kind == KEY_PROVIDER_LOCAL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "keys from a seed: wrong %s",
              secret_len(seed) == SEED_SIZE ? "key provider" : "length of the seed");
  return FALSE;
}

AppKeys *app_keys_from_seed(const Secret *seed, KeyProviderKind kind, TdxPlatform *platform, GError **error) {
  if (!acceptable(seed, kind, error))
    return NULL;
  g_autoptr(EVP_PKEY) root_key = derive_p256(seed, "app-key", error);
  if (!root_key)
    return NULL;
  g_autoptr(AppKeys) keys = g_new0(AppKeys, 1);
  keys->kind = kind;
  keys->ca_key_pem = p256_to_pem(root_key);
  keys->gateway_app_id = g_strdup("");
  keys->k256_signature = g_bytes_new(NULL, 0);
  if (!(keys->disk_crypt_key = derive_disk_key(seed, error)) || !(keys->k256_key = derive_k256_key(seed, error)) ||
      !(keys->ca_cert = make_root(root_key, platform, error)))
    return NULL;
  return g_steal_pointer(&keys);
}
