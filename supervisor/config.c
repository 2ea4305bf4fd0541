#include "supervisor/config.h"

#include "base/config.h"
#include "base/error.h"
#include "base/options.h"

#include <string.h>

#define UNIX_SCHEME "unix:"
#define DEFAULT_PORT 8000
#define MAX_WORKERS 256

static const char defaults[] = "[default]\n"
                               "workers = 8\n"
                               "max_blocking = 64\n"
                               "ident = \"Supervisor\"\n"
                               "temp_dir = \"/tmp\"\n"
                               "keep_alive = 10\n"
                               "log_level = \"info\"\n"
                               "address = \"unix:/var/run/supervisor.sock\"\n"
                               "reuse = false\n";

static const char help_text[] =
    "Keeps long-running child processes, so that they outlive the program that asked for them. HTTP and JSON on a unix\n"
    "socket; see `curl --unix-socket PATH http://localhost/list`.\n\n"
    "Should the supervisor itself be killed, its children go on, and the next supervisor on the same socket takes them over.";

void supervisor_config_clear(SupervisorConfig *config) {
  g_free(config->config_path);
  g_free(config->address);
  g_free(config->uds);
  g_free(config->pid_file);
  g_free(config->log_file);
  g_free(config->store_path);
  *config = (SupervisorConfig){0};
}

static gboolean parse_options(SupervisorConfig *config, int *argc, char ***argv, GError **error) {
  const GOptionEntry options[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &config->config_path, "configuration file", "FILE"},
      {"address", 'a', 0, G_OPTION_ARG_STRING, &config->address, "address to listen on (unix:PATH or IP:PORT)", "ADDRESS"},
      {"port", 'p', 0, G_OPTION_ARG_INT, &config->port, "TCP port, instead of the one in the address", "N"},
      {"uds", 'u', 0, G_OPTION_ARG_FILENAME, &config->uds, "unix socket to listen on; wins over --address", "PATH"},
      {"remove-existing-uds", 0, 0, G_OPTION_ARG_NONE, &config->remove_existing_uds, "replace a socket left behind", NULL},
      {"detach", 'd', 0, G_OPTION_ARG_NONE, &config->detach, "run in the background", NULL},
      {"pid-file", 0, 0, G_OPTION_ARG_FILENAME, &config->pid_file, "write the process id here", "PATH"},
      {"log-file", 0, 0, G_OPTION_ARG_FILENAME, &config->log_file, "append the log here", "PATH"},
      {"state-file", 0, 0, G_OPTION_ARG_FILENAME, &config->store_path,
       "keep the process table here (default: beside the socket)", "PATH"},
      {"version", 'V', 0, G_OPTION_ARG_NONE, &config->show_version, "print the version; the long form also its revision", NULL},
      {NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new("- run and watch child processes");
  g_option_context_set_summary(context, help_text);
  g_option_context_add_main_entries(context, options, NULL);
  if (!options_parse(context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unexpected argument '%s'", (*argv)[1]);
  else if (config->port < 0 || config->port > G_MAXUINT16)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "--port: expected a number from 1 to 65535");
  else
    return TRUE;
  return FALSE;
}

static gboolean read_files(SupervisorConfig *config, GError **error) {
  g_autoptr(Config) files = config_new(defaults);
  if (!config_add_standard_files(files, "supervisor", config->config_path, error))
    return FALSE;
  config_select_profile(files, "default");
  const char *address;
  guint64 workers, port = 0;
  if (!config_get_string(files, "address", &address, error) ||
      !config_get_uint(files, "workers", MAX_WORKERS, &workers, error) ||
      !config_get_bool(files, "reuse", &config->reuse, error) ||
      (config_has(files, "port") && !config_get_uint(files, "port", G_MAXUINT16, &port, error)))
    return FALSE;
  static const char *const unused[] = {"max_blocking", "ident", "temp_dir", "keep_alive", "log_level", "shutdown"};
  for (guint i = 0; i < G_N_ELEMENTS(unused); i++)
    (void)config_has(files, unused[i]); /* known to the reference, without meaning here */
  config_warn_unknown(files);
  config->workers = MAX((guint)workers, 1);
  if (!config->address)
    config->address = g_strdup(address);
  if (!config->port)
    config->port = (int)port;
  return TRUE;
}

gboolean supervisor_config_load(SupervisorConfig *config, int *argc, char ***argv, GError **error) {
  return parse_options(config, argc, argv, error) && read_files(config, error);
}

static gboolean has_port(const char *address) {
  const char *colon = strrchr(address, ':');
  if (!colon || !g_ascii_isdigit(colon[1]))
    return FALSE;
  return *address == '[' ? colon > address && colon[-1] == ']' : strchr(address, ':') == colon;
}

char *supervisor_config_address(const SupervisorConfig *config) {
  if (config->uds)
    return g_strconcat(UNIX_SCHEME, config->uds, NULL);
  if (g_ascii_strncasecmp(config->address, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
    return g_strdup(config->address);
  const char *host = g_ascii_strncasecmp(config->address, "tcp:", 4) == 0 ? config->address + 4 : config->address;
  if (has_port(host) && !config->port)
    return g_strdup(host);
  g_autofree char *bare = has_port(host) ? g_strndup(host, (gsize)(strrchr(host, ':') - host)) : g_strdup(host);
  const char *format = strchr(bare, ':') && *bare != '[' ? "[%s]:%d" : "%s:%d";
  return g_strdup_printf(format, bare, config->port ? config->port : DEFAULT_PORT);
}

char *supervisor_config_store(const SupervisorConfig *config) {
  if (config->store_path)
    return g_strdup(config->store_path);
  g_autofree char *address = supervisor_config_address(config);
  if (g_ascii_strncasecmp(address, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0)
    return NULL;
  return g_strconcat(address + strlen(UNIX_SCHEME), ".processes.json", NULL);
}
