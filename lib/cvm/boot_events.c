#include "cvm/boot_events.h"

#include "base/error.h"
#include "base/hex.h"
#include "tdx/quote.h"

#include <string.h>

#define DISK_KEY_SIZE 32

static gboolean emit_bytes(TdxPlatform *platform, const char *name, GBytes *payload, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(payload, &len);
  return tdx_emit_event(platform, name, data, len, error);
}

gboolean boot_events_identity(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                              GError **error) {
  return (compose->event_log_version == 1 || tdx_choose_event_version(platform, compose->event_log_version, error)) &&
         tdx_emit_event(platform, "system-preparing", NULL, 0, error) &&
         emit_bytes(platform, "app-id", info->app_id, error) &&
         tdx_emit_event(platform, "compose-hash", compose->hash, sizeof compose->hash, error) &&
         emit_bytes(platform, "instance-id", info->instance_id, error) &&
         tdx_emit_event(platform, "boot-mr-done", NULL, 0, error);
}

static gboolean emit_os_image_hash(TdxPlatform *platform, GBytes *hash, GError **error) {
  if (!hash || g_bytes_get_size(hash) == 0)
    return TRUE;
  if (g_bytes_get_size(hash) != SHA256_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the kms named an os image hash that is not 32 bytes");
    return FALSE;
  }
  return emit_bytes(platform, "os-image-hash", hash, error);
}

gboolean boot_events_keys(TdxPlatform *platform, const AppKeys *keys, GError **error) {
  if (keys->kms_mr && !emit_bytes(platform, "mr-kms", keys->kms_mr, error))
    return FALSE;
  if (!emit_os_image_hash(platform, keys->os_image_hash, error))
    return FALSE;
  g_autoptr(GBytes) id = app_keys_provider_id(keys);
  g_autofree char *id_hex = hex_encode_bytes(id);
  g_autofree char *payload =
      g_strdup_printf("{\"name\":\"%s\",\"id\":\"%s\"}", key_provider_event_name(keys->kind), id_hex);
  return tdx_emit_event(platform, "key-provider", payload, strlen(payload), error);
}

gboolean boot_events_storage(TdxPlatform *platform, const char *filesystem, GError **error) {
  return tdx_emit_event(platform, "storage-fs", filesystem, strlen(filesystem), error);
}

gboolean boot_events_ready(TdxPlatform *platform, GError **error) {
  return tdx_emit_event(platform, "system-ready", NULL, 0, error);
}

static gboolean check_mr_config_id(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                                   const AppKeys *keys, GBytes *provider_id, GError **error) {
  const guint8 nothing[TDX_REPORT_DATA_SIZE] = {0};
  g_autoptr(GBytes) raw = platform->ops->get_quote(platform, nothing, error);
  g_autoptr(Quote) quote = raw ? quote_parse(raw, error) : NULL;
  if (!quote)
    return FALSE;
  if (quote->tee_type != TEE_TDX) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the platform's quote is not a tdx quote");
    return FALSE;
  }
  gsize id_len;
  const void *id = g_bytes_get_data(provider_id, &id_len);
  return mr_config_id_check(quote->td.mr_config_id, compose->hash, g_bytes_get_data(info->app_id, NULL), keys->kind, id,
                            id_len, error);
}

gboolean boot_keys_check(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                         const AppKeys *keys, GError **error) {
  if (!keys->disk_crypt_key || secret_len(keys->disk_crypt_key) != DISK_KEY_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the key provider gave no disk key of 32 bytes");
    return FALSE;
  }
  g_autoptr(GBytes) provider_id = app_keys_provider_id(keys);
  if (!check_mr_config_id(platform, compose, info, keys, provider_id, error))
    return FALSE;
  if (g_bytes_get_size(compose->key_provider_id) != 0 && !g_bytes_equal(compose->key_provider_id, provider_id)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the key provider is not the one the compose pins");
    return FALSE;
  }
  return TRUE;
}
