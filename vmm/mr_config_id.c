#include "vmm/mr_config_id.h"

#include "base/hex.h"
#include "crypto/digest.h"
#include "tdx/mr_config.h"

#include <string.h>

#define APP_ID_SIZE 20

gboolean vmm_mr_config_id(const AppCompose *compose, const char *compose_text, const char *app_id_hex,
                          guint8 out[MR_CONFIG_ID_SIZE], GError **error) {
  guint8 compose_hash[SHA256_SIZE], app_id[APP_ID_SIZE];
  digest_sha256(compose_text, strlen(compose_text), compose_hash);
  gsize provider_len;
  const void *provider = g_bytes_get_data(compose->key_provider_id, &provider_len);
  if (provider_len == 0) {
    mr_config_id_v1(compose_hash, out);
    return TRUE;
  }
  memcpy(app_id, compose_hash, sizeof app_id);
  if (*app_id_hex && !hex_decode_fixed(app_id_hex, app_id, sizeof app_id, error)) {
    g_prefix_error(error, "app id of the instance: ");
    return FALSE;
  }
  mr_config_id_v2(compose_hash, app_id, compose->key_provider, provider, provider_len, out);
  return TRUE;
}
