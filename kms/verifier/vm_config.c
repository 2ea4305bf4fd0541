#include "kms/verifier/vm_config.h"

#include "base/error.h"

void vm_config_clear(VmConfig *config) {
  g_clear_pointer(&config->storage, g_bytes_unref);
  g_clear_pointer(&config->cache_key, g_free);
}

gboolean vm_config_parse(const char *text, VmConfig *out, GError **error) {
  g_auto(VmConfig) config = {0};
  gboolean has_hash = FALSE;
  if (!(config.cache_key = measure_vm_cache_key(text, error)) ||
      !measure_vm_parse(text, &config.shape, config.os_image_hash, &has_hash, &config.storage, error)) {
    g_prefix_error(error, "failed to decode vm config: ");
    return FALSE;
  }
  if (!has_hash) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "failed to decode vm config: os_image_hash is missing");
    return FALSE;
  }
  *out = config;
  config = (VmConfig){0};
  return TRUE;
}
