/* What every platform does the same way: emitting events and giving out evidence, under one lock. */
#include "tdx/platform.h"

#include "base/error.h"
#include "base/file.h"
#include "tdx/event_log_internal.h"
#include "tdx/lock.h"
#include "tdx/runtime_log.h"

#include <string.h>
#include <sys/stat.h>

void tdx_platform_free(TdxPlatform *platform) {
  if (!platform)
    return;
  g_free(platform->runtime_log_path);
  g_free(platform->runtime_lock_path);
  runtime_cache_free(platform->runtime_cache);
  platform->ops->free(platform);
}

static gboolean check_room(const TdxPlatform *platform, TdxEventLog *log, const TdxEvent *event, GError **error) {
  struct stat st;
  gsize used = stat(platform->runtime_log_path, &st) == 0 ? (gsize)st.st_size : 0;
  gsize needed = 2 * g_bytes_get_size(event->payload) + strlen(event->name) + 256;
  if (log->len < RUNTIME_LOG_MAX_EVENTS && used + needed <= RUNTIME_LOG_MAX_SIZE)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "runtime event log is full");
  return FALSE;
}

gboolean tdx_emit_event(TdxPlatform *platform, const char *name, const void *payload, gsize len, GError **error) {
  g_autoptr(TdxEvent) event = tdx_runtime_event(name, payload, len, error);
  if (!event)
    return FALSE;
  g_auto(TdxLock) lock = tdx_lock_acquire(platform->runtime_lock_path, error);
  if (lock < 0)
    return FALSE;
  g_autoptr(TdxEventLog) log = runtime_log_load(platform, error);
  guint version;
  if (log && runtime_log_version(platform, &version, error) && check_room(platform, log, event, error)) {
    tdx_event_set_version(event, version);
    if (runtime_log_emit(platform, log, event, error))
      return TRUE;
  }
  g_prefix_error(error, "failed to emit event %s: ", name);
  return FALSE;
}

gboolean tdx_choose_event_version(TdxPlatform *platform, guint version, GError **error) {
  g_auto(TdxLock) lock = tdx_lock_acquire(platform->runtime_lock_path, error);
  g_autoptr(TdxEventLog) log = lock >= 0 ? runtime_log_load(platform, error) : NULL;
  if (log && runtime_log_choose_version(platform, log, version, error))
    return TRUE;
  g_prefix_error(error, "failed to choose the version of runtime events: ");
  return FALSE;
}

/* A quote must be about what was asked, and about the log that goes with it. */
static gboolean check_quote(GBytes *raw, const guint8 report_data[TDX_REPORT_DATA_SIZE],
                            const guint8 rtmr3[TDX_MR_SIZE], GError **error) {
  g_autoptr(Quote) quote = quote_parse(raw, error);
  if (!quote)
    return FALSE;
  const char *wrong = NULL;
  if (quote->tee_type != TEE_TDX)
    wrong = "it is not a tdx quote";
  else if (memcmp(quote->td.report_data, report_data, TDX_REPORT_DATA_SIZE) != 0)
    wrong = "its report data is not what was asked";
  else if (memcmp(quote->td.rtmr[TDX_RUNTIME_RTMR], rtmr3, TDX_MR_SIZE) != 0)
    wrong = "the runtime event log does not replay to its rtmr3";
  if (wrong)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the platform's quote can not be used: %s", wrong);
  return wrong == NULL;
}

static gboolean join_logs(TdxEventLog *log, TdxEventLog *runtime_log, GError **error) {
  while (runtime_log->len > 0)
    if (!tdx_event_log_append(log, g_ptr_array_steal_index(runtime_log, 0), error))
      return FALSE;
  return TRUE;
}

TdxEvidence *tdx_get_evidence(TdxPlatform *platform, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  g_auto(TdxLock) lock = tdx_lock_acquire(platform->runtime_lock_path, error);
  if (lock < 0)
    return NULL;
  guint8 rtmr3[TDX_MR_SIZE];
  g_autoptr(TdxEventLog) runtime_log = runtime_log_read(platform, rtmr3, error);
  g_autoptr(TdxEventLog) log = runtime_log ? platform->ops->boot_log(platform, error) : NULL;
  g_autoptr(GBytes) quote = log ? platform->ops->get_quote(platform, report_data, error) : NULL;
  if (!quote || !check_quote(quote, report_data, rtmr3, error) || !join_logs(log, runtime_log, error)) {
    g_prefix_error(error, "failed to get evidence: ");
    return NULL;
  }
  TdxEvidence *evidence = g_new0(TdxEvidence, 1);
  evidence->quote = g_steal_pointer(&quote);
  evidence->log = g_steal_pointer(&log);
  return evidence;
}

void tdx_evidence_free(TdxEvidence *evidence) {
  if (!evidence)
    return;
  g_bytes_unref(evidence->quote);
  g_ptr_array_unref(evidence->log);
  g_free(evidence);
}
