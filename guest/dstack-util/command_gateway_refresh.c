#include "commands.h"
#include "cvm/compose.h"
#include "gateway_register.h"

static gboolean refresh(const char *shared_dir, GError **error) {
  g_autofree char *compose_path = g_build_filename(shared_dir, "app-compose.json", NULL);
  g_autofree char *config_path = g_build_filename(shared_dir, ".sys-config.json", NULL);
  g_autofree char *keys_path = g_build_filename(shared_dir, ".appkeys.json", NULL);
  g_autoptr(AppCompose) compose = app_compose_load(compose_path, error);
  if (!compose || !compose->gateway_enabled)
    return compose != NULL;
  g_autoptr(SysConfig) config = sys_config_load(config_path, error);
  g_autoptr(AppKeys) keys = config ? app_keys_load(keys_path, error) : NULL;
  g_autoptr(TdxPlatform) platform = keys ? tdx_platform_linux(error) : NULL;
  return platform && gateway_register(keys, config, platform, error);
}

gboolean command_gateway_refresh(int argc, char **argv, GError **error) {
  g_autofree char *work_dir = NULL;
  GOptionEntry entries[] = {{"work-dir", 0, 0, G_OPTION_ARG_FILENAME, &work_dir, "setup's work directory", "DIR"},
                            G_OPTION_ENTRY_NULL};
  if (!command_parse(
          &argc, &argv, entries, NULL,
          "Registers again with the gateway, with a new WireGuard key; does nothing without gateway_enabled.", error) ||
      !command_require(work_dir, "work-dir", error))
    return FALSE;
  g_autofree char *shared_dir = g_build_filename(work_dir, ".host-shared", NULL);
  return refresh(shared_dir, error);
}
