#include "commands.h"
#include "cvm/host_notify.h"
#include "cvm/sys_config.h"

gboolean command_notify_host(int argc, char **argv, GError **error) {
  g_autofree char *url = NULL, *event = NULL, *payload = NULL;
  GOptionEntry entries[] = {
      {"url", 'u', 0, G_OPTION_ARG_STRING, &url, "host api (default: of " SYS_CONFIG_PATH ")", "URL"},
      {"event", 'e', 0, G_OPTION_ARG_STRING, &event, "event name, such as boot.progress", "NAME"},
      {"payload", 'd', 0, G_OPTION_ARG_STRING, &payload, "text", "TEXT"},
      G_OPTION_ENTRY_NULL};
  if (!command_parse(&argc, &argv, entries, NULL, "Tells the host about an event.", error) ||
      !command_require(event, "event", error) || !command_require(payload, "payload", error))
    return FALSE;
  g_autoptr(SysConfig) config = url ? NULL : sys_config_load(SYS_CONFIG_PATH, error);
  if (!url && !config)
    return FALSE;
  return host_notify(url ? url : config->host_api_url, event, payload, error);
}
