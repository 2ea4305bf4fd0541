/* dstack-guest-agent: keys, quotes and facts for the app inside a CVM. */
#include "base/error.h"
#include "base/footprint.h"
#include "base/log.h"
#include "guest-agent/agent.h"
#include "guest-agent/revision.h"
#include "guest-agent/serve.h"
#include "guest-agent/watchdog.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  char *config_path;
  gboolean watchdog, short_version, long_version;
} Options;

static gboolean parse_options(int *argc, char ***argv, Options *options, GError **error) {
  GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config_path, "configuration file, TOML or JSON", "FILE"},
      {"watchdog", 'w', 0, G_OPTION_ARG_NONE, &options->watchdog, "report to systemd's watchdog", NULL},
      {"brief-version", 'V', 0, G_OPTION_ARG_NONE, &options->short_version, "print the version", NULL},
      {"version", 0, 0, G_OPTION_ARG_NONE, &options->long_version, "print version and revision", NULL},
      G_OPTION_ENTRY_NULL};
  g_autoptr(GOptionContext) context = g_option_context_new("- serve keys, quotes and facts to the app of this CVM");
  g_option_context_set_description(
      context, "Apps call it on /var/run/dstack.sock; the host over vsock port 8000; anybody on port 8090.\n"
               "Configuration is merged from /etc/dstack/dstack.toml, /etc/dstack/dstack.json, ./dstack.toml,\n"
               "./dstack.json and the file given with -c. The environment variable RUST_LOG sets the log level.\n");
  g_option_context_add_main_entries(context, entries, NULL);
  return g_option_context_parse(context, argc, argv, error);
}

static gboolean serve(const Options *options, GError **error) {
  g_autoptr(Config) raw = config_new(agent_config_defaults);
  if (!config_add_standard_files(raw, "dstack", options->config_path, error))
    return FALSE;
  g_autoptr(AgentConfig) config = agent_config_new(raw, error);
  if (!config)
    return FALSE;
  config_warn_unknown(raw);
  g_autoptr(TdxPlatform) platform = tdx_platform_linux(error);
  g_autoptr(Agent) agent = platform ? agent_new(config, platform, error) : NULL;
  g_autoptr(AgentServer) server = agent ? agent_server_new(agent, config, error) : NULL;
  if (!server)
    return FALSE;
  if (options->watchdog && agent_server_external_port(server) == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "external.address: --watchdog needs a tcp address");
    return FALSE;
  }
  g_autoptr(Watchdog) watchdog = watchdog_start(options->watchdog, agent_server_external_port(server));
  footprint_shed_startup();
  prpc_server_run(agent_server_prpc(server));
  return TRUE;
}

int main(int argc, char **argv) {
  footprint_limit_arenas();
  log_init("dstack-guest-agent", LOG_INFO);
  secret_protect_process();
  Options options = {0};
  g_autoptr(GError) error = NULL;
  gboolean ok = parse_options(&argc, &argv, &options, &error);
  if (ok && options.short_version)
    printf("dstack-guest-agent %s\n", DSTACK_VERSION);
  else if (ok && options.long_version)
    printf("dstack-guest-agent v%s (%s)\n", DSTACK_VERSION, agent_revision);
  else if (ok)
    ok = serve(&options, &error);
  if (!ok)
    log_error("%s", error->message);
  g_free(options.config_path);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
