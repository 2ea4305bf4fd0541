#include "dcap/tcb_info.h"

#include "base/error.h"
#include "base/json.h"
#include "dcap/levels.h"

static void isv_level_free(gpointer data) {
  DcapIsvLevel *level = data;
  g_clear_pointer(&level->advisory_ids, g_ptr_array_unref);
  g_free(level);
}

static gboolean decode_level(const json_t *json, DcapIsvLevel *level, const char *what, GError **error) {
  guint64 isv_svn;
  if (!json_get_uint(json_object_get(json, "tcb"), "isvsvn", G_MAXUINT16, &isv_svn, what, error) ||
      !dcap_level_decode_status(json, &level->status, &level->advisory_ids, what, error))
    return FALSE;
  level->isv_svn = (guint16)isv_svn;
  if (level->status == TCB_UP_TO_DATE || level->status == TCB_OUT_OF_DATE || level->status == TCB_REVOKED)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.tcbStatus: '%s' is not a status of an enclave or module",
              what, tcb_status_name(level->status));
  return FALSE;
}

GPtrArray *dcap_isv_levels_decode(const json_t *owner, const char *what, GError **error) {
  const json_t *array = dcap_json_get_array(owner, "tcbLevels", DCAP_MAX_TCB_LEVELS, what, error);
  if (!array)
    return NULL;
  g_autoptr(GPtrArray) levels = g_ptr_array_new_with_free_func(isv_level_free);
  size_t i;
  json_t *item;
  json_array_foreach(array, i, item) {
    DcapIsvLevel *level = g_new0(DcapIsvLevel, 1);
    g_ptr_array_add(levels, level);
    if (!decode_level(item, level, what, error))
      return NULL;
  }
  return g_steal_pointer(&levels);
}

gboolean dcap_evaluation_decode(const json_t *owner, guint32 *out, const char *what, GError **error) {
  guint64 number;
  if (!json_get_uint_or(owner, "tcbEvaluationDataNumber", 0, G_MAXUINT32, &number, what, error))
    return FALSE;
  *out = (guint32)number;
  return TRUE;
}

const DcapIsvLevel *dcap_isv_levels_match(const GPtrArray *levels, guint16 isv_svn) {
  for (guint i = 0; i < levels->len; i++) {
    const DcapIsvLevel *level = levels->pdata[i];
    if (isv_svn >= level->isv_svn)
      return level;
  }
  return NULL;
}
