#include "tdx/device_call.h"

#include "base/error.h"

#include <string.h>

/* Owned by the thread and by who waits for it, whoever ends last. */
typedef struct {
  gatomicrefcount refs;
  DeviceQuote make;
  guint8 report[TDX_REPORT_SIZE];
  GMutex lock;
  GCond changed;
  gboolean done; /* under the lock, as are the two results */
  GBytes *quote;
  GError *error;
} Call;

static gint under_way; /* atomic */

static void call_unref(Call *call) {
  if (!g_atomic_ref_count_dec(&call->refs))
    return;
  g_clear_pointer(&call->quote, g_bytes_unref);
  g_clear_error(&call->error);
  g_mutex_clear(&call->lock);
  g_cond_clear(&call->changed);
  g_free(call);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_unref)

static gpointer run(gpointer data) {
  Call *call = data;
  GError *error = NULL;
  GBytes *quote = call->make(call->report, &error);
  g_mutex_lock(&call->lock);
  call->quote = quote;
  call->error = error;
  call->done = TRUE;
  g_atomic_int_set(&under_way, FALSE);
  g_cond_signal(&call->changed);
  g_mutex_unlock(&call->lock);
  call_unref(call);
  return NULL;
}

static Call *begin(DeviceQuote make, const guint8 report[TDX_REPORT_SIZE], GError **error) {
  g_autoptr(Call) call = g_new0(Call, 1);
  g_atomic_ref_count_init(&call->refs);
  g_mutex_init(&call->lock);
  g_cond_init(&call->changed);
  call->make = make;
  memcpy(call->report, report, sizeof call->report);
  g_atomic_ref_count_inc(&call->refs);
  g_autoptr(GError) why = NULL;
  GThread *thread = g_thread_try_new("tdx-device", run, call, &why);
  if (thread) {
    g_thread_unref(thread);
    return g_steal_pointer(&call);
  }
  call_unref(call); /* the thread's */
  g_atomic_int_set(&under_way, FALSE);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "tdx device: %s", why->message);
  return NULL;
}

static GBytes *finish(Call *call, gint64 deadline, GError **error) {
  GBytes *quote = NULL;
  g_mutex_lock(&call->lock);
  while (!call->done && g_cond_wait_until(&call->changed, &call->lock, deadline))
    ;
  if (!call->done)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "tdx device: no quote in time");
  else if (call->error)
    g_propagate_error(error, g_steal_pointer(&call->error));
  else
    quote = g_steal_pointer(&call->quote);
  g_mutex_unlock(&call->lock);
  return quote;
}

GBytes *device_call(DeviceQuote make, const guint8 report[TDX_REPORT_SIZE], gint64 deadline, GError **error) {
  if (!g_atomic_int_compare_and_exchange(&under_way, FALSE, TRUE)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "tdx device: still busy with an earlier quote");
    return NULL;
  }
  g_autoptr(Call) call = begin(make, report, error);
  return call ? finish(call, deadline, error) : NULL;
}
