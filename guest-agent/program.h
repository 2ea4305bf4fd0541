/* What the daemon and the laptop's simulator have in common as programs: options, versions, serving until stopped. */
#pragma once

#include "guest-agent/agent.h"

typedef struct {
  const char *name;        /* of the program */
  const char *summary;     /* behind the name in --help: "- what it does" */
  const char *description; /* below the options */
  const char *watchdog_help;
  /* Reads the configuration and serves. `config_path` is the file of -c, or NULL. */
  gboolean (*run)(const char *config_path, gboolean watchdog, GError **error);
} AgentProgram;

/* The whole of main(). */
int agent_program_main(const AgentProgram *program, int argc, char **argv);

/* The configuration: `defaults`, the standard files, `config_path`. */
Config *agent_program_config(const char *defaults, const char *config_path, GError **error);
/* Listens and serves until a signal. With `watchdog` the public listener must be TCP. */
gboolean agent_program_serve(Agent *agent, const AgentConfig *config, gboolean watchdog, GError **error);
