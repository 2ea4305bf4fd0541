/* What a log makes of the registers, and what it says (spec: attestation C.5, C.6). */
#include "tdx/event_log.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

static gboolean is_runtime(const TdxEvent *event, const char *name) {
  return event->imr == TDX_RUNTIME_RTMR && event->type == TDX_RUNTIME_EVENT_TYPE && strcmp(event->name, name) == 0;
}

static void extend(guint8 mr[48], const guint8 digest[48]) {
  guint8 both[96];
  memcpy(both, mr, 48);
  memcpy(both + 48, digest, 48);
  digest_sha384(both, sizeof both, mr);
}

gboolean tdx_replay(TdxEventLog *log, guint imr, const char *until, guint8 out[48], GError **error) {
  memset(out, 0, 48);
  gboolean stops = until && imr == TDX_RUNTIME_RTMR;
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    if (event->imr != imr)
      continue;
    extend(out, event->digest);
    if (stops && is_runtime(event, until))
      return TRUE;
  }
  if (!stops)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "event log has no event %s", until);
  return FALSE;
}

const TdxEvent *tdx_event_log_find(TdxEventLog *log, const char *name) {
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    if (is_runtime(event, name))
      return event;
    if (is_runtime(event, "system-ready"))
      return NULL;
  }
  return NULL;
}
