#include "secure_time.h"

#include "base/error.h"
#include "base/process.h"

#define WAIT_TIMEOUT_MS (220 * 1000) /* chronyc's own: 20 tries, 10 s apart */

gboolean secure_time_wait(GError **error) {
  const char *const argv[] = {"chronyc", "waitsync", "20", "0.1", NULL};
  g_auto(ProcessResult) result = {0};
  ProcessSpec spec = {.argv = argv, .timeout_ms = WAIT_TIMEOUT_MS};
  if (!process_run(&spec, &result, error))
    return FALSE;
  if (result.status == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "no authenticated time: chronyc waitsync gave up");
  return FALSE;
}
