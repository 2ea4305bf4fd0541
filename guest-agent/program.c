#include "guest-agent/program.h"

#include "base/error.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/options.h"
#include "guest-agent/revision.h"
#include "guest-agent/serve.h"
#include "guest-agent/watchdog.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  char *config_path;
  gboolean watchdog, short_version, long_version;
} Options;

static gboolean parse_options(const AgentProgram *program, int *argc, char ***argv, Options *options, GError **error) {
  GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config_path, "configuration file, TOML or JSON", "FILE"},
      {"watchdog", 'w', 0, G_OPTION_ARG_NONE, &options->watchdog, program->watchdog_help, NULL},
      {"brief-version", 'V', 0, G_OPTION_ARG_NONE, &options->short_version, "print the version", NULL},
      {"version", 0, 0, G_OPTION_ARG_NONE, &options->long_version, "print version and revision", NULL},
      G_OPTION_ENTRY_NULL};
  g_autoptr(GOptionContext) context = g_option_context_new(program->summary);
  g_option_context_set_description(context, program->description);
  g_option_context_add_main_entries(context, entries, NULL);
  return options_parse(context, argc, argv, error);
}

int agent_program_main(const AgentProgram *program, int argc, char **argv) {
  footprint_limit_arenas();
  log_init(program->name, LOG_INFO);
  secret_protect_process();
  Options options = {0};
  g_autoptr(GError) error = NULL;
  gboolean ok = parse_options(program, &argc, &argv, &options, &error);
  if (ok && options.short_version)
    printf("%s %s\n", program->name, DSTACK_VERSION);
  else if (ok && options.long_version)
    printf("%s v%s (%s)\n", program->name, DSTACK_VERSION, agent_revision);
  else if (ok)
    ok = program->run(options.config_path, options.watchdog, &error);
  if (!ok)
    log_error("%s", error->message);
  g_free(options.config_path);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

Config *agent_program_config(const char *defaults, const char *config_path, GError **error) {
  g_autoptr(Config) config = config_new(defaults);
  return config_add_standard_files(config, "dstack", config_path, error) ? g_steal_pointer(&config) : NULL;
}

gboolean agent_program_serve(Agent *agent, const AgentConfig *config, gboolean watchdog, GError **error) {
  g_autoptr(AgentServer) server = agent_server_new(agent, config, error);
  if (!server)
    return FALSE;
  guint16 external_port = agent_server_external_port(server);
  if (watchdog && external_port == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "external.address: --watchdog needs a tcp address");
    return FALSE;
  }
  Watchdog *reporter = watchdog_start(watchdog, external_port);
  footprint_shed_startup();
  prpc_server_run(agent_server_prpc(server));
  watchdog_stop(reporter);
  return TRUE;
}
