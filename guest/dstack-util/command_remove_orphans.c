#include "base/file.h"
#include "commands.h"
#include "compose_services.h"
#include "orphans.h"

#include <stdlib.h>
#include <string.h>

#define DOCKER_URL "unix:/var/run/docker.sock"
#define DEFAULT_DOCKER_ROOT "/var/lib/docker"

typedef struct {
  char *compose_path, *docker_root;
  gboolean dry_run, no_dockerd;
} Options;

static char *default_project(const char *compose_path) {
  char *canonical = realpath(compose_path, NULL);
  g_autofree char *directory = g_path_get_dirname(canonical ? canonical : compose_path);
  free(canonical);
  return compose_project_of_directory(directory);
}

static gboolean remove_orphans(const Options *options, GError **error) {
  g_autofree char *text = file_read_text(options->compose_path, COMPOSE_YAML_MAX_SIZE, error);
  g_autoptr(ComposeServices) compose = text ? compose_services_parse(text, strlen(text), error) : NULL;
  if (!compose)
    return FALSE;
  g_autofree char *project = compose->project ? g_strdup(compose->project) : default_project(options->compose_path);
  OrphanRule rule = {project, compose->services, options->dry_run};
  return options->no_dockerd
             ? orphans_remove_offline(&rule, options->docker_root ? options->docker_root : DEFAULT_DOCKER_ROOT, error)
             : orphans_remove(&rule, DOCKER_URL, error);
}

gboolean command_remove_orphans(int argc, char **argv, GError **error) {
  Options options = {0};
  GOptionEntry entries[] = {
      {"compose", 'f', 0, G_OPTION_ARG_FILENAME, &options.compose_path, "docker compose file", "FILE"},
      {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &options.dry_run, "only say what would be removed", NULL},
      {"no-dockerd", 0, 0, G_OPTION_ARG_NONE, &options.no_dockerd, "work on docker's files, while it does not run",
       NULL},
      {"docker-root", 'd', 0, G_OPTION_ARG_FILENAME, &options.docker_root, "docker's data (default /var/lib/docker)",
       "DIR"},
      G_OPTION_ENTRY_NULL};
  gboolean ok = command_parse(&argc, &argv, entries, NULL,
                              "Removes containers of services that are no longer in the compose file.", error) &&
                command_require(options.compose_path, "compose", error) && remove_orphans(&options, error);
  g_free(options.compose_path);
  g_free(options.docker_root);
  return ok;
}
