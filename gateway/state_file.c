#include "state_file.h"

#include "ipv4_net.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <string.h>

#define MAX_STATE_BYTES (64 * 1024 * 1024)

StoredInstance *stored_instance_new(const char *id, const char *app_id, guint32 ip, const char *public_key) {
  StoredInstance *instance = g_new0(StoredInstance, 1);
  instance->id = g_strdup(id);
  instance->app_id = g_strdup(app_id);
  instance->public_key = g_strdup(public_key);
  instance->ip = ip;
  return instance;
}

void stored_instance_free(StoredInstance *instance) {
  if (!instance)
    return;
  g_free(instance->id);
  g_free(instance->app_id);
  g_free(instance->public_key);
  g_free(instance);
}

/* The reference's serialised system time: seconds and nanoseconds since the epoch. */
static gboolean read_time(const json_t *object, const char *key, gint64 *ms, GError **error) {
  const json_t *time = json_object_get(object, key);
  guint64 seconds, nanoseconds;
  if (!json_get_uint(time, "secs_since_epoch", G_MAXINT32 * (guint64)4, &seconds, key, error) ||
      !json_get_uint(time, "nanos_since_epoch", 999999999, &nanoseconds, key, error))
    return FALSE;
  *ms = (gint64)(seconds * 1000 + nanoseconds / 1000000);
  return TRUE;
}

static json_t *write_time(gint64 ms) {
  return json_pack("{s:I, s:I}", "secs_since_epoch", (json_int_t)(ms / 1000), "nanos_since_epoch",
                   (json_int_t)(ms % 1000 * 1000000));
}

static StoredInstance *read_instance(const json_t *object, GError **error) {
  const char *id = json_get_string(object, "id", "instance", error);
  const char *app_id = id ? json_get_string(object, "app_id", "instance", error) : NULL;
  const char *ip_text = app_id ? json_get_string(object, "ip", "instance", error) : NULL;
  const char *public_key = ip_text ? json_get_string(object, "public_key", "instance", error) : NULL;
  guint32 ip;
  if (!public_key || !ipv4_parse(ip_text, &ip, error))
    return NULL;
  StoredInstance *instance = stored_instance_new(id, app_id, ip, public_key);
  if (read_time(object, "reg_time", &instance->reg_time_ms, error) &&
      read_time(object, "last_seen", &instance->last_seen_ms, error))
    return instance;
  stored_instance_free(instance);
  return NULL;
}

GPtrArray *state_file_load(const char *path, GError **error) {
  g_autoptr(GPtrArray) instances = g_ptr_array_new_with_free_func((GDestroyNotify)stored_instance_free);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return g_steal_pointer(&instances);
  g_autoptr(json_t) root = json_parse_file(path, MAX_STATE_BYTES, error);
  if (!root)
    return NULL;
  json_t *table = json_object_get(root, "instances");
  if (!json_require_object(table, path, error))
    return NULL;
  const char *id;
  json_t *object;
  json_object_foreach(table, id, object) {
    StoredInstance *instance = read_instance(object, error);
    if (!instance) {
      g_prefix_error(error, "%s: instance %s: ", path, id);
      return NULL;
    }
    g_ptr_array_add(instances, instance);
  }
  return g_steal_pointer(&instances);
}

static void add_to_app(json_t *apps, const StoredInstance *instance) {
  json_t *list = json_object_get(apps, instance->app_id);
  if (!list) {
    list = json_array();
    json_object_set_new(apps, instance->app_id, list);
  }
  json_array_append_new(list, json_string(instance->id));
}

gboolean state_file_save(const char *path, GPtrArray *instances, GError **error) {
  json_t *apps = json_object(), *table = json_object(), *addresses = json_array();
  for (guint i = 0; i < instances->len; i++) {
    const StoredInstance *instance = instances->pdata[i];
    g_autofree char *ip = ipv4_print(instance->ip);
    add_to_app(apps, instance);
    json_object_set_new(table, instance->id,
                        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "id", instance->id, "app_id", instance->app_id, "ip",
                                  ip, "public_key", instance->public_key, "reg_time", write_time(instance->reg_time_ms),
                                  "last_seen", write_time(instance->last_seen_ms)));
    json_array_append_new(addresses, json_string(ip));
  }
  g_autoptr(json_t) root = json_pack("{s:{}, s:o, s:o, s:o}", "nodes", "apps", apps, "instances", table,
                                     "allocated_addresses", addresses);
  g_autofree char *text = json_print(root);
  return file_write_atomic(path, text, strlen(text), 0600, error);
}
