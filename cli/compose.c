#include "cli/cli.h"
#include "cli/compose_options.h"
#include "cli/env_policy.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define MAX_COMPOSE_BYTES (256 * 1024)

static const char teach[] =
    "Makes an app-compose.json of a docker-compose file: the description that is hashed, measured and allowed in the KMS.\n"
    "`dstack deploy` can do both in one step.\n\n"
    "  dstack compose --name my-app --docker-compose docker-compose.yaml --kms --gateway --output app-compose.json";

typedef struct {
  char *name, *docker_compose, *output;
} Options;

static void options_clear(Options *options) {
  g_free(options->name);
  g_free(options->docker_compose);
  g_free(options->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean write_file(const Options *options, const ComposeOptions *compose, char **hash, GError **error) {
  g_auto(EnvFile) env = {0};
  if ((compose->env_file && !env_file_read(compose->env_file, &env, error)) || !env_policy_check_options(compose, &env, error))
    return FALSE;
  g_autofree char *yaml = file_read_text(options->docker_compose, MAX_COMPOSE_BYTES, error);
  g_autofree char *text = yaml ? compose_options_write(compose, options->name, yaml, &env, error) : NULL;
  if (!text || !file_write_atomic(options->output, text, strlen(text), 0644, error))
    return FALSE;
  *hash = app_compose_file_hash(text);
  return TRUE;
}

int cli_compose(int argc, char **argv) {
  g_auto(Options) options = {0};
  g_auto(ComposeOptions) compose = {0};
  const GOptionEntry own[] = {
      {"name", 'n', 0, G_OPTION_ARG_STRING, &options.name, "name of the app (required)", "NAME"},
      {"docker-compose", 0, 0, G_OPTION_ARG_FILENAME, &options.docker_compose, "docker-compose file (required)", "FILE"},
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "where to write (required)", "FILE"},
      {NULL}};
  g_autofree GOptionEntry *entries = compose_options_entries(&compose, own);
  if (!cli_parse(&argc, &argv, entries, "", teach))
    return CLI_USAGE;
  if (argc > 1 || !options.name || !options.docker_compose || !options.output)
    return cli_usage("expected --name, --docker-compose and --output");
  GError *error = NULL;
  g_autofree char *hash = NULL;
  if (!write_file(&options, &compose, &hash, &error))
    return cli_fail(error);
  if (cli_options.json)
    printf("{\"composeHash\": \"%s\"}\n", hash);
  else
    printf("App compose file created at: %s\nCompose hash: %s\n", options.output, hash);
  return CLI_DONE;
}
