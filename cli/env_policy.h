/* Whether the variables of an env file will reach the app at all (spec: supervisor-and-cli B.3, B.4): what would be dropped in the
 * guest without a word is refused before it is encrypted. */
#pragma once

#include "cli/compose_options.h"

#include <glib.h>

/* For a compose made of the options. Error INVALID says what to add. */
gboolean env_policy_check_options(const ComposeOptions *options, const EnvFile *env, GError **error);
/* For a ready app-compose.json, which also takes no option that would shape it. `path` is for messages. */
gboolean env_policy_check_ready(const ComposeOptions *options, const EnvFile *env, const char *path, const char *text,
                                GError **error);
