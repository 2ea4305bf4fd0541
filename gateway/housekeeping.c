#include "housekeeping.h"

#include "base/log.h"

#define REFRESH_US (10 * G_USEC_PER_SEC)

struct Housekeeping {
  Gateway *gateway;
  GThread *thread;
  GMutex lock;
  GCond wake;
  gboolean stopping;
};

void housekeeping_refresh(Gateway *gateway) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GHashTable) handshakes = wireguard_handshakes(gateway->wireguard, &error);
  if (handshakes)
    registry_set_handshakes(gateway->registry, handshakes);
  else
    log_warn("wireguard handshakes are unknown: %s", error->message);
}

static void sync_wireguard(Gateway *gateway) {
  g_autoptr(GError) error = NULL;
  if (!wireguard_sync(gateway->wireguard, gateway->registry, &error))
    log_error("failed to update wireguard: %s; trying again", error->message);
}

static void recycle(Gateway *gateway) {
  if (registry_recycle(gateway->registry, gateway->config->recycle_timeout_ms))
    sync_wireguard(gateway);
}

static gpointer run(gpointer data) {
  Housekeeping *housekeeping = data;
  Gateway *gateway = housekeeping->gateway;
  gint64 interval_us = (gint64)MIN(gateway->config->recycle_interval_ms, (guint64)G_MAXINT32) * 1000;
  gint64 next_recycle_us = g_get_monotonic_time() + interval_us;
  g_mutex_lock(&housekeeping->lock);
  while (!housekeeping->stopping) {
    g_mutex_unlock(&housekeeping->lock);
    housekeeping_refresh(gateway);
    if (wireguard_is_behind(gateway->wireguard))
      sync_wireguard(gateway);
    if (gateway->config->recycle_enabled && g_get_monotonic_time() >= next_recycle_us) {
      recycle(gateway);
      next_recycle_us = g_get_monotonic_time() + interval_us;
    }
    g_mutex_lock(&housekeeping->lock);
    if (!housekeeping->stopping)
      g_cond_wait_until(&housekeeping->wake, &housekeeping->lock, g_get_monotonic_time() + REFRESH_US);
  }
  g_mutex_unlock(&housekeeping->lock);
  return NULL;
}

Housekeeping *housekeeping_start(Gateway *gateway) {
  Housekeeping *housekeeping = g_new0(Housekeeping, 1);
  housekeeping->gateway = gateway;
  g_mutex_init(&housekeeping->lock);
  g_cond_init(&housekeeping->wake);
  housekeeping->thread = g_thread_new("housekeeping", run, housekeeping);
  return housekeeping;
}

void housekeeping_stop(Housekeeping *housekeeping) {
  if (!housekeeping)
    return;
  g_mutex_lock(&housekeeping->lock);
  housekeeping->stopping = TRUE;
  g_cond_signal(&housekeeping->wake);
  g_mutex_unlock(&housekeeping->lock);
  g_thread_join(housekeeping->thread);
  g_mutex_clear(&housekeeping->lock);
  g_cond_clear(&housekeeping->wake);
  g_free(housekeeping);
}
