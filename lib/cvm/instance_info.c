#include "cvm/instance_info.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"

#define WHAT ".instance_info"

G_STATIC_ASSERT(APP_ID_SIZE == INSTANCE_ID_SIZE && APP_ID_SIZE == INSTANCE_SEED_SIZE);

void instance_info_free(InstanceInfo *info) {
  if (!info)
    return;
  g_clear_pointer(&info->instance_id_seed, g_bytes_unref);
  g_clear_pointer(&info->instance_id, g_bytes_unref);
  g_clear_pointer(&info->app_id, g_bytes_unref);
  g_free(info);
}

InstanceInfo *instance_info_new(void) {
  InstanceInfo *info = g_new0(InstanceInfo, 1);
  info->instance_id_seed = g_bytes_new(NULL, 0);
  info->instance_id = g_bytes_new(NULL, 0);
  info->app_id = g_bytes_new(NULL, 0);
  return info;
}

static gboolean get_id(const json_t *root, const char *key, GBytes **out, GError **error) {
  const json_t *member = json_object_get(root, key);
  if (!member || json_is_null(member))
    return TRUE;
  g_autoptr(GBytes) value = json_get_hex(root, key, WHAT, error);
  if (!value)
    return FALSE;
  if (g_bytes_get_size(value) != 0 && g_bytes_get_size(value) != APP_ID_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s: expected %d bytes", key, APP_ID_SIZE);
    return FALSE;
  }
  g_bytes_unref(*out);
  *out = g_steal_pointer(&value);
  return TRUE;
}

InstanceInfo *instance_info_parse(const char *text, gsize len, GError **error) {
  g_autoptr(json_t) root = json_parse(text, len, WHAT, error);
  if (!root || !json_require_object(root, WHAT, error))
    return NULL;
  g_autoptr(InstanceInfo) info = instance_info_new();
  if (!get_id(root, "instance_id_seed", &info->instance_id_seed, error) ||
      !get_id(root, "instance_id", &info->instance_id, error) || !get_id(root, "app_id", &info->app_id, error))
    return NULL;
  return g_steal_pointer(&info);
}

char *instance_info_print(const InstanceInfo *info) {
  g_autofree char *seed = hex_encode_bytes(info->instance_id_seed);
  g_autofree char *instance_id = hex_encode_bytes(info->instance_id);
  g_autofree char *app_id = hex_encode_bytes(info->app_id);
  return g_strdup_printf("{\"instance_id_seed\":\"%s\",\"instance_id\":\"%s\",\"app_id\":\"%s\"}", seed, instance_id,
                         app_id);
}
