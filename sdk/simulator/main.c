/* dstack-simulator: the guest agent of a laptop, with a simulated TEE inside. For development only. */
#include "base/footprint.h"
#include "base/log.h"
#include "guest-agent/agent.h"
#include "guest-agent/revision.h"
#include "guest-agent/serve.h"
#include "guest-agent/watchdog.h"
#include "sdk/simulator/boot.h"
#include "sdk/simulator/tee.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  char *config_path;
  gboolean watchdog, short_version, long_version;
} Options;

static gboolean parse_options(int *argc, char ***argv, Options *options, GError **error) {
  GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config_path, "configuration file, TOML or JSON", "FILE"},
      {"watchdog", 'w', 0, G_OPTION_ARG_NONE, &options->watchdog, "accepted and ignored", NULL},
      {"brief-version", 'V', 0, G_OPTION_ARG_NONE, &options->short_version, "print the version", NULL},
      {"version", 0, 0, G_OPTION_ARG_NONE, &options->long_version, "print version and revision", NULL},
      G_OPTION_ENTRY_NULL};
  g_autoptr(GOptionContext) context = g_option_context_new("- a dstack guest agent for development, without a TEE");
  g_option_context_set_description(
      context,
      "Run it in a directory with dstack.toml, appkeys.json, app-compose.json and sys-config.json.\n"
      "Apps find it by DSTACK_SIMULATOR_ENDPOINT=$PWD/dstack.sock. Its quotes have the real format and verify\n"
      "under the root in anchors/root.pem, which proves nothing about any hardware.\n");
  g_option_context_add_main_entries(context, entries, NULL);
  return g_option_context_parse(context, argc, argv, error);
}

static gboolean serve(const AgentConfig *config, const SimulatorConfig *simulator, GError **error) {
  g_autoptr(SimulatedPki) pki = tee_pki(simulator, error);
  gboolean boots = boot_needed(config, simulator);
  if (!pki || (boots && !boot_reset(simulator, error)) || !tee_write_anchors(pki, simulator->anchors_dir, error))
    return FALSE;
  g_autoptr(TdxPlatform) platform = tee_platform(simulator, pki, error);
  if (!platform || (boots && !boot_run(config, simulator, platform, error)))
    return FALSE;
  g_autoptr(Agent) agent = agent_new(config, platform, error);
  if (!agent)
    return FALSE;
  agent->may_power_off = FALSE;
  g_autoptr(AgentServer) server = agent_server_new(agent, config, error);
  if (!server)
    return FALSE;
  g_autoptr(Watchdog) ready = watchdog_start(FALSE, 0);
  footprint_shed_startup();
  prpc_server_run(agent_server_prpc(server));
  return TRUE;
}

static gboolean run(const Options *options, GError **error) {
  log_warn("this is a simulator: its keys are known and its quotes prove nothing. never use it for real data");
  g_autoptr(Config) raw = config_new(simulator_config_defaults);
  if (!config_add_standard_files(raw, "dstack", options->config_path, error))
    return FALSE;
  g_autoptr(AgentConfig) config = agent_config_new(raw, error);
  g_autoptr(SimulatorConfig) simulator = config ? simulator_config_new(raw, error) : NULL;
  if (!simulator)
    return FALSE;
  config_warn_unknown(raw);
  return serve(config, simulator, error);
}

int main(int argc, char **argv) {
  footprint_limit_arenas();
  log_init("dstack-simulator", LOG_INFO);
  Options options = {0};
  g_autoptr(GError) error = NULL;
  gboolean ok = parse_options(&argc, &argv, &options, &error);
  if (ok && options.short_version)
    printf("dstack-simulator %s\n", DSTACK_VERSION);
  else if (ok && options.long_version)
    printf("dstack-simulator v%s (%s)\n", DSTACK_VERSION, agent_revision);
  else if (ok)
    ok = run(&options, &error);
  if (!ok)
    log_error("%s", error->message);
  g_free(options.config_path);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
