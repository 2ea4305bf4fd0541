/* Files of environment variables (spec: supervisor-and-cli B.4). */
#pragma once

#include "base/secret.h"

#include <glib.h>

typedef struct {
  GPtrArray *keys, *values; /* of char*, the same number, in file order; values are secrets */
} EnvFile;

/* Lines KEY=VALUE; blank lines, lines beginning with # and lines without = are skipped; both sides are trimmed; a repeated key
 * keeps its first place and its last value. Error INVALID names the line, or of reading. */
gboolean env_file_read(const char *path, EnvFile *out, GError **error);
gboolean env_file_parse(const char *text, EnvFile *out, GError **error);
/* Wipes the values. */
void env_file_clear(EnvFile *env);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EnvFile, env_file_clear)

/* The plaintext of an encrypted environment: {"env":[{"key":K,"value":V},...]}. */
Secret *env_file_plaintext(const EnvFile *env);
