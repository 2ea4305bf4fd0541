#include "vmm/instance_info.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"

#include <string.h>

#define ID_BYTES 20

void instance_info_clear(InstanceInfo *info) {
  g_clear_pointer(&info->app_id, g_free);
  g_clear_pointer(&info->instance_id_seed, g_free);
  g_clear_pointer(&info->instance_id, g_free);
}

static gboolean take_id(const json_t *object, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(object, key, "", &text, "instance info", error))
    return FALSE;
  g_autoptr(GBytes) bytes = hex_decode_prefixed(text, error);
  if (!bytes) {
    g_prefix_error(error, "instance info.%s: ", key);
    return FALSE;
  }
  gsize len = g_bytes_get_size(bytes);
  if (len == 0 || len == ID_BYTES) {
    *out = hex_encode_bytes(bytes);
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "instance info.%s: expected %d bytes", key, ID_BYTES);
  return FALSE;
}

gboolean instance_info_parse(const char *text, gsize len, InstanceInfo *out, GError **error) {
  *out = (InstanceInfo){0};
  g_autoptr(json_t) object = json_parse(text, len, "instance info", error);
  if (object && json_require_object(object, "instance info", error) && take_id(object, "app_id", &out->app_id, error) &&
      take_id(object, "instance_id_seed", &out->instance_id_seed, error) &&
      take_id(object, "instance_id", &out->instance_id, error))
    return TRUE;
  instance_info_clear(out);
  return FALSE;
}

gboolean instance_info_keep_app(InstanceInfo *info, const char *app_id, GError **error) {
  if (*info->app_id && strcmp(info->app_id, app_id) != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "instance info is of another app");
    return FALSE;
  }
  g_free(info->app_id);
  info->app_id = g_strdup(app_id);
  return TRUE;
}

char *instance_info_text(const InstanceInfo *info) {
  g_autoptr(json_t) object = json_pack("{s:s, s:s, s:s}", "app_id", info->app_id, "instance_id_seed", info->instance_id_seed,
                                       "instance_id", info->instance_id);
  return json_print(object);
}
