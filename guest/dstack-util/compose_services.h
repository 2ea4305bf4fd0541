/* The project and service names of a docker compose file. */
#pragma once

#include <glib.h>

#define COMPOSE_YAML_MAX_SIZE (1024 * 1024)

typedef struct {
  char *project; /* the file's `name`, or NULL */
  char **services;
} ComposeServices;

/* Understands anchors, aliases and merge keys. Error INVALID: no YAML, or no mapping. */
ComposeServices *compose_services_parse(const char *text, gsize len, GError **error);
void compose_services_free(ComposeServices *services);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ComposeServices, compose_services_free)

/* The name compose gives a project after its directory: lower case, only letters, digits, - and _. */
char *compose_project_of_directory(const char *directory);
