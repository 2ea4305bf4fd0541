/* dstack-guest-agent: keys, quotes and facts for the app inside a CVM. */
#include "guest-agent/program.h"

static gboolean run(const char *config_path, gboolean watchdog, GError **error) {
  g_autoptr(Config) raw = agent_program_config(agent_config_defaults, config_path, error);
  g_autoptr(AgentConfig) config = raw ? agent_config_new(raw, error) : NULL;
  if (!config)
    return FALSE;
  config_warn_unknown(raw);
  g_autoptr(TdxPlatform) platform = tdx_platform_linux(error);
  g_autoptr(Agent) agent = platform ? agent_new(config, platform, error) : NULL;
  return agent && agent_program_serve(agent, config, watchdog, error);
}

int main(int argc, char **argv) {
  static const AgentProgram program = {
      .name = "dstack-guest-agent",
      .summary = "- serve keys, quotes and facts to the app of this CVM",
      .description =
          "Apps call it on /var/run/dstack.sock; the host over vsock port 8000; anybody on port 8090.\n"
          "Configuration is merged from /etc/dstack/dstack.toml, /etc/dstack/dstack.json, ./dstack.toml,\n"
          "./dstack.json and the file given with -c. The environment variable RUST_LOG sets the log level.\n",
      .watchdog_help = "report to systemd's watchdog",
      .run = run,
  };
  return agent_program_main(&program, argc, argv);
}
