#include "base/hex.h"
#include "base/json.h"
#include "commands.h"
#include "tdx/app_info.h"
#include "tdx/platform.h"

#include <string.h>

static void set_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *text = hex_encode(data, len);
  json_object_set_new(object, key, json_string(text));
}

static void set_hex_bytes(json_t *object, const char *key, GBytes *value) {
  gsize len;
  const void *data = g_bytes_get_data(value, &len);
  set_hex(object, key, data, len);
}

static json_t *describe(const AppInfo *info) {
  json_t *object = json_object();
  set_hex_bytes(object, "app_id", info->app_id);
  set_hex_bytes(object, "compose_hash", info->compose_hash);
  set_hex_bytes(object, "instance_id", info->instance_id);
  set_hex(object, "device_id", info->device_id, sizeof info->device_id);
  set_hex(object, "mrtd", info->mrtd, sizeof info->mrtd);
  for (guint i = 0; i < TDX_N_RTMRS; i++) {
    char key[] = {'r', 't', 'm', 'r', (char)('0' + i), '\0'};
    set_hex(object, key, info->rtmr[i], sizeof info->rtmr[i]);
  }
  set_hex(object, "mr_system", info->mr_system, sizeof info->mr_system);
  set_hex(object, "mr_aggregated", info->mr_aggregated, sizeof info->mr_aggregated);
  set_hex_bytes(object, "os_image_hash", info->os_image_hash);
  set_hex_bytes(object, "key_provider_info", info->key_provider_info);
  return object;
}

gboolean command_show(int argc, char **argv, GError **error) {
  if (!command_parse(&argc, &argv, NULL, NULL, "Prints who this CVM is, decoded from its own quote and event log.",
                     error))
    return FALSE;
  const guint8 nothing[TDX_REPORT_DATA_SIZE] = {0};
  g_autoptr(TdxPlatform) platform = tdx_platform_linux(error);
  g_autoptr(TdxEvidence) evidence = platform ? tdx_get_evidence(platform, nothing, error) : NULL;
  g_autoptr(Quote) quote = evidence ? quote_parse(evidence->quote, error) : NULL;
  g_autoptr(AppInfo) info = quote ? app_info_decode(quote, evidence->log, APP_INFO_RUNTIME, error) : NULL;
  if (!info)
    return FALSE;
  g_autoptr(json_t) object = describe(info);
  char *text = json_dumps(object, JSON_INDENT(2));
  gboolean printed = command_print(text, strlen(text), error) && command_print("\n", 1, error);
  free(text);
  return printed;
}
