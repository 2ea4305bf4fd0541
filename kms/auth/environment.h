/* Settings from the environment, and from a file `.env` in the working directory for what the environment does not say.
 */
#pragma once

#include <glib.h>

/* Reads `path` into *file, a table of names and values; a missing file gives an empty one. Error INVALID names the
 * line. */
typedef struct AuthEnvironment AuthEnvironment;
AuthEnvironment *auth_environment_load(const char *path, GError **error);
void auth_environment_free(AuthEnvironment *environment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuthEnvironment, auth_environment_free)

/* The value, or `fallback` when it is not set or empty. Borrowed. */
const char *auth_environment_get(AuthEnvironment *environment, const char *name, const char *fallback);
/* A whole number in decimal without sign or leading zeros, at most `max`. Error INVALID names the setting. */
gboolean auth_environment_uint(AuthEnvironment *environment, const char *name, guint64 fallback, guint64 max,
                               guint64 *out, GError **error);
