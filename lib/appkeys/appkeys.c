#include "appkeys/appkeys.h"

#include "appkeys/kms_identity.h"

void app_keys_free(AppKeys *keys) {
  if (!keys)
    return;
  secret_free(keys->disk_crypt_key);
  secret_free(keys->env_crypt_key);
  secret_free(keys->k256_key);
  secret_free(keys->ca_key_pem);
  secret_free(keys->tmp_ca_key_pem);
  g_clear_pointer(&keys->k256_signature, g_bytes_unref);
  g_clear_pointer(&keys->provider_mr, g_bytes_unref);
  g_clear_pointer(&keys->kms_pubkey, g_bytes_unref);
  g_clear_pointer(&keys->os_image_hash, g_bytes_unref);
  g_clear_pointer(&keys->kms_mr, g_bytes_unref);
  g_free(keys->gateway_app_id);
  g_free(keys->ca_cert);
  g_free(keys->kms_url);
  g_free(keys->tmp_ca_cert);
  kms_identity_free(keys->identity);
  g_free(keys);
}

GBytes *app_keys_provider_id(const AppKeys *keys) {
  GBytes *id = keys->kind == KEY_PROVIDER_KMS     ? keys->kms_pubkey
               : keys->kind == KEY_PROVIDER_LOCAL ? keys->provider_mr
                                                  : NULL;
  return id ? g_bytes_ref(id) : g_bytes_new(NULL, 0);
}
