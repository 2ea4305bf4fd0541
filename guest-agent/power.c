#include "guest-agent/power.h"

#include "base/log.h"
#include "base/process.h"
#include "cvm/host_notify.h"
#include "cvm/sys_config.h"

#define STOP_TIMEOUT_MS (5 * 60 * 1000) /* docker compose stop waits for slow containers */

static void run(const char *const *argv) {
  g_autoptr(GError) error = NULL;
  g_auto(ProcessResult) result = {0};
  ProcessSpec spec = {.argv = argv, .timeout_ms = STOP_TIMEOUT_MS};
  if (!process_run(&spec, &result, &error))
    log_warn("%s", error->message);
  else if (result.status != 0)
    log_warn("%s %s failed with status %d: %s", argv[0], argv[1], result.status, result.errors);
}

static gpointer sequence(gpointer data) {
  g_autofree char *path = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(SysConfig) config = sys_config_load(path, &error);
  if (!config)
    log_warn("failed to find the host to notify: %s", error->message);
  const char *host = config ? config->host_api_url : NULL;
  host_notify_or_log(host, HOST_EVENT_SHUTDOWN_PROGRESS, "stopping app");
  run((const char *const[]){"systemctl", "stop", "app-compose", NULL});
  host_notify_or_log(host, HOST_EVENT_SHUTDOWN_PROGRESS, "powering off");
  run((const char *const[]){"systemctl", "poweroff", NULL});
  return NULL;
}

void power_off_in_background(const char *sys_config_file) {
  static gint started;
  if (g_atomic_int_compare_and_exchange(&started, 0, 1))
    g_thread_unref(g_thread_new("power-off", sequence, g_strdup(sys_config_file)));
}
