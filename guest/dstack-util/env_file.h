/* The two forms in which variables reach the app (spec: guest-os 10). */
#pragma once

#include "env_decrypt.h"

/* `NAME=value` lines for systemd's EnvironmentFile and docker compose: quoted with `"` when needed; inside quotes
 * newline,
 * `"`, `$`, backquote and backslash are escaped. */
Secret *env_file_lines(EnvMap *map);
/* Compact JSON object of the same. */
Secret *env_file_json(EnvMap *map);
/* Writes .decrypted-env and .decrypted-env.json (mode 0600) into `directory`, also when the map is empty. */
gboolean env_files_write(EnvMap *map, const char *directory, GError **error);
