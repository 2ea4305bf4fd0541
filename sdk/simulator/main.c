/* dstack-simulator: the guest agent of a laptop, with a simulated TEE inside. For development only. */
#include "base/log.h"
#include "guest-agent/program.h"
#include "sdk/simulator/boot.h"
#include "sdk/simulator/tee.h"

/* The machine, switched on: its registers hold a boot. */
static TdxPlatform *power_on(const AgentConfig *config, const SimulatorConfig *simulator, SimulatedPki *pki,
                             GError **error) {
  gboolean boots = boot_needed(config, simulator);
  if ((boots && !boot_reset(simulator, error)) || !tee_write_anchors(pki, simulator->anchors_dir, error))
    return NULL;
  g_autoptr(TdxPlatform) platform = tee_platform(simulator, pki, error);
  if (!platform || (boots && !boot_run(config, simulator, platform, error)))
    return NULL;
  return g_steal_pointer(&platform);
}

static gboolean serve(const AgentConfig *config, const SimulatorConfig *simulator, GError **error) {
  g_autoptr(SimulatedPki) pki = tee_pki(simulator, error);
  g_autoptr(TdxPlatform) platform = pki ? power_on(config, simulator, pki, error) : NULL;
  g_autoptr(Agent) agent = platform ? agent_new(config, platform, error) : NULL;
  if (!agent)
    return FALSE;
  agent->may_power_off = FALSE;
  agent->quotes_carry_attestation = TRUE;
  return agent_program_serve(agent, config, FALSE, error);
}

static gboolean run(const char *config_path, gboolean watchdog, GError **error) {
  (void)watchdog; /* nobody watches a laptop's */
  log_warn("this is a simulator: its keys are known and its quotes prove nothing. never use it for real data");
  g_autoptr(Config) raw = agent_program_config(simulator_config_defaults, config_path, error);
  g_autoptr(AgentConfig) config = raw ? agent_config_new(raw, error) : NULL;
  g_autoptr(SimulatorConfig) simulator = config ? simulator_config_new(raw, error) : NULL;
  if (!simulator)
    return FALSE;
  config_warn_unknown(raw);
  return serve(config, simulator, error);
}

int main(int argc, char **argv) {
  static const AgentProgram program = {
      .name = "dstack-simulator",
      .summary = "- a dstack guest agent for development, without a TEE",
      .description = "Run it in a directory with dstack.toml, appkeys.json, app-compose.json and sys-config.json.\n"
                     "Apps find it by DSTACK_SIMULATOR_ENDPOINT=$PWD/dstack.sock. Its quotes have the real format and\n"
                     "verify under the root in anchors/root.pem, which proves nothing about any hardware.\n",
      .watchdog_help = "accepted and ignored",
      .run = run,
  };
  return agent_program_main(&program, argc, argv);
}
