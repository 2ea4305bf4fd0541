#include "guest-agent/watchdog.h"

#include "base/log.h"
#include "guest-agent/systemd.h"
#include "prpc/client.h"

#define ANSWER_MAX_SIZE 65536
#define PROBE_TIMEOUT_MS 5000

struct Watchdog {
  guint16 port;
  gint64 interval; /* microseconds */
  GThread *thread;
  GMutex lock;
  GCond wake;
  gboolean stopping;
};

static gboolean answers(guint16 port, GError **error) {
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", port);
  g_autoptr(PrpcClient) client = prpc_client_new(url, error);
  if (!client)
    return FALSE;
  prpc_client_set_timeouts(client, PROBE_TIMEOUT_MS, PROBE_TIMEOUT_MS);
  int status = 0;
  g_autoptr(GBytes) answer =
      prpc_client_http(client, "GET", "/prpc/Worker.Version", NULL, NULL, 0, ANSWER_MAX_SIZE, &status, error);
  if (answer && status / 100 != 2)
    log_warn("watchdog: the public port answered with status %d", status);
  return answer && status / 100 == 2;
}

static void beat(Watchdog *watchdog) {
  g_autoptr(GError) error = NULL;
  if (answers(watchdog->port, &error))
    (void)systemd_notify("WATCHDOG=1", &error);
  if (error)
    log_warn("watchdog: %s", error->message);
}

static gpointer watch(gpointer data) {
  Watchdog *watchdog = data;
  g_mutex_lock(&watchdog->lock);
  while (!watchdog->stopping) {
    g_mutex_unlock(&watchdog->lock);
    beat(watchdog);
    g_mutex_lock(&watchdog->lock);
    gint64 next = g_get_monotonic_time() + watchdog->interval;
    while (!watchdog->stopping && g_cond_wait_until(&watchdog->wake, &watchdog->lock, next))
      ;
  }
  g_mutex_unlock(&watchdog->lock);
  return NULL;
}

Watchdog *watchdog_start(gboolean enabled, guint16 external_port) {
  Watchdog *watchdog = g_new0(Watchdog, 1);
  g_mutex_init(&watchdog->lock);
  g_cond_init(&watchdog->wake);
  g_autoptr(GError) error = NULL;
  if (!systemd_notify("READY=1", &error))
    log_warn("%s", error->message);
  guint64 usec = enabled ? systemd_watchdog_usec() : 0;
  if (usec > 0) {
    watchdog->port = external_port;
    watchdog->interval = (gint64)MAX(MIN(usec, G_MAXINT64) / 2, G_USEC_PER_SEC);
    watchdog->thread = g_thread_new("watchdog", watch, watchdog);
  }
  return watchdog;
}

void watchdog_stop(Watchdog *watchdog) {
  if (!watchdog)
    return;
  g_mutex_lock(&watchdog->lock);
  watchdog->stopping = TRUE;
  g_cond_signal(&watchdog->wake);
  g_mutex_unlock(&watchdog->lock);
  g_clear_pointer(&watchdog->thread, g_thread_join);
  g_mutex_clear(&watchdog->lock);
  g_cond_clear(&watchdog->wake);
  g_free(watchdog);
}
