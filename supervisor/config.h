/* Options and configuration of the supervisor (spec: supervisor-and-cli A.1). */
#pragma once

#include <glib.h>

typedef struct {
  char *config_path, *address, *uds, *pid_file, *log_file, *store_path;
  int port;
  gboolean remove_existing_uds, detach;
  gboolean show_version; /* answered before: here for --help */
  gboolean reuse; /* replace the file of a socket nobody listens on */
  guint workers;
} SupervisorConfig;

/* Reads the command line, then the configuration files; flags win. Error INVALID. */
gboolean supervisor_config_load(SupervisorConfig *config, int *argc, char ***argv, GError **error);
/* The address to listen on, in the form prpc_server_listen() takes. */
char *supervisor_config_address(const SupervisorConfig *config);
/* Where the process table is kept: --state-file, else "<socket>.processes.json"; NULL with a TCP address. */
char *supervisor_config_store(const SupervisorConfig *config);
void supervisor_config_clear(SupervisorConfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SupervisorConfig, supervisor_config_clear)
