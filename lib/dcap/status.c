#include "dcap/status.h"

static const char *const status_names[] = {
    [TCB_UP_TO_DATE] = "UpToDate",
    [TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [TCB_OUT_OF_DATE] = "OutOfDate",
    [TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [TCB_REVOKED] = "Revoked",
};

const char *tcb_status_name(TcbStatus status) {
  g_return_val_if_fail((guint)status < G_N_ELEMENTS(status_names), "Revoked");
  return status_names[status];
}

gboolean tcb_status_parse(const char *name, TcbStatus *out) {
  for (guint i = 0; i < G_N_ELEMENTS(status_names); i++) {
    if (g_str_equal(name, status_names[i])) {
      *out = (TcbStatus)i;
      return TRUE;
    }
  }
  return FALSE;
}

TcbStatus tcb_status_merge(TcbStatus platform, TcbStatus part) {
  gboolean needs_configuration =
      platform == TCB_CONFIGURATION_NEEDED || platform == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
  if (part == TCB_OUT_OF_DATE && needs_configuration)
    return TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
  return MAX(platform, part);
}

static gboolean same_id(gconstpointer a, gconstpointer b) { return g_str_equal(a, b); }

void tcb_advisories_merge(GPtrArray *ids, const GPtrArray *more) {
  for (guint i = 0; i < more->len; i++) {
    if (!g_ptr_array_find_with_equal_func(ids, more->pdata[i], same_id, NULL))
      g_ptr_array_add(ids, g_strdup(more->pdata[i]));
  }
}
