#include "dcap/levels.h"

#include "base/error.h"
#include "base/json.h"
#include "dcap/status.h"
#include "dcap/tcb_info.h"

const json_t *dcap_json_get_array(const json_t *object, const char *key, gsize max, const char *what, GError **error) {
  const json_t *array = json_object_get(object, key);
  if (json_is_array(array) && json_array_size(array) <= max)
    return array;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "%s.%s: expected an array of at most %" G_GSIZE_FORMAT " items", what, key, max);
  return NULL;
}

static GPtrArray *decode_advisories(const json_t *level, const char *what, GError **error) {
  g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
  if (!json_object_get(level, "advisoryIDs"))
    return g_steal_pointer(&ids);
  const json_t *array = dcap_json_get_array(level, "advisoryIDs", DCAP_MAX_ADVISORIES, what, error);
  if (!array)
    return NULL;
  size_t i;
  json_t *item;
  json_array_foreach(array, i, item) {
    if (!json_is_string(item)) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.advisoryIDs: expected strings", what);
      return NULL;
    }
    g_ptr_array_add(ids, g_strdup(json_string_value(item)));
  }
  return g_steal_pointer(&ids);
}

gboolean dcap_level_decode_status(const json_t *level, TcbStatus *status, GPtrArray **advisory_ids, const char *what,
                                  GError **error) {
  const char *name = json_get_string(level, "tcbStatus", what, error);
  if (!name)
    return FALSE;
  if (!tcb_status_parse(name, status)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.tcbStatus: unknown status '%s'", what, name);
    return FALSE;
  }
  *advisory_ids = decode_advisories(level, what, error);
  return *advisory_ids != NULL;
}
