#include "cli/compose_options.h"

#include "cli/size.h"

#include "base/file.h"

#include <string.h>

#define MAX_SCRIPT_BYTES (256 * 1024)
#define MIB (1024 * 1024)

GOptionEntry *compose_options_entries(ComposeOptions *options, const GOptionEntry *more) {
  const GOptionEntry own[] = {
      {"prelaunch-script", 0, 0, G_OPTION_ARG_FILENAME, &options->prelaunch_script, "run before the containers", "FILE"},
      {"kms", 0, 0, G_OPTION_ARG_NONE, &options->kms, "get keys from the KMS", NULL},
      {"gateway", 0, 0, G_OPTION_ARG_NONE, &options->gateway, "be reachable through the gateway", NULL},
      {"local-key-provider", 0, 0, G_OPTION_ARG_NONE, &options->local_key_provider, "get keys from the host's enclave", NULL},
      {"key-provider-id", 0, 0, G_OPTION_ARG_STRING, &options->key_provider_id, "accept only this key provider", "HEX"},
      {"public-logs", 0, 0, G_OPTION_ARG_NONE, &options->public_logs, "let everybody read container logs", NULL},
      {"public-sysinfo", 0, 0, G_OPTION_ARG_NONE, &options->public_sysinfo, "let everybody read system information", NULL},
      {"env-file", 0, 0, G_OPTION_ARG_FILENAME, &options->env_file, "environment variables the app may get", "FILE"},
      {"no-instance-id", 0, 0, G_OPTION_ARG_NONE, &options->no_instance_id, "all instances are one", NULL},
      {"secure-time", 0, 0, G_OPTION_ARG_NONE, &options->secure_time, "wait for authenticated time", NULL},
      {"swap", 0, 0, G_OPTION_ARG_STRING, &options->swap, "swap space in the guest", "SIZE"},
  };
  gsize n_more = 0;
  while (more && more[n_more].long_name)
    n_more++;
  GOptionEntry *all = g_new0(GOptionEntry, n_more + G_N_ELEMENTS(own) + 1);
  memcpy(all, more, n_more * sizeof *all);
  memcpy(all + n_more, own, sizeof own);
  return all;
}

void compose_options_clear(ComposeOptions *options) {
  g_clear_pointer(&options->prelaunch_script, g_free);
  g_clear_pointer(&options->key_provider_id, g_free);
  g_clear_pointer(&options->env_file, g_free);
  g_clear_pointer(&options->swap, g_free);
}

char *compose_options_write(const ComposeOptions *options, const char *name, const char *docker_compose, const EnvFile *env,
                            GError **error) {
  g_autofree char *script = NULL;
  guint32 swap_mb = 0;
  if (options->prelaunch_script && !(script = file_read_text(options->prelaunch_script, MAX_SCRIPT_BYTES, error)))
    return NULL;
  if (options->swap && !size_parse_memory(options->swap, &swap_mb, error))
    return NULL;
  const AppComposeSpec spec = {.name = name,
                               .docker_compose = docker_compose,
                               .pre_launch_script = script,
                               .key_provider_id = options->key_provider_id ? options->key_provider_id : "",
                               .kms = options->kms,
                               .gateway = options->gateway,
                               .local_key_provider = options->local_key_provider,
                               .public_logs = options->public_logs,
                               .public_sysinfo = options->public_sysinfo,
                               .no_instance_id = options->no_instance_id,
                               .secure_time = options->secure_time,
                               .env = env,
                               .swap_bytes = (guint64)swap_mb * MIB};
  return app_compose_write(&spec);
}
