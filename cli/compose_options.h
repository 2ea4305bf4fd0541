/* The options that shape an app-compose.json, shared by `compose` and `deploy`. */
#pragma once

#include "cli/app_compose_file.h"

#include <glib.h>

typedef struct {
  char *prelaunch_script, *key_provider_id, *env_file, *swap;
  gboolean kms, gateway, local_key_provider, public_logs, public_sysinfo, no_instance_id, secure_time;
} ComposeOptions;

/* Entries for cli_parse(), to be freed with g_free(); `more` (NULL-terminated) comes first. */
GOptionEntry *compose_options_entries(ComposeOptions *options, const GOptionEntry *more);
void compose_options_clear(ComposeOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ComposeOptions, compose_options_clear)

/* Makes the text for a docker-compose file's text. `env` was read from options->env_file. */
char *compose_options_write(const ComposeOptions *options, const char *name, const char *docker_compose, const EnvFile *env,
                            GError **error);
