#include "kms/auth/environment.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

#define MAX_FILE (64 * 1024)

struct AuthEnvironment {
  GHashTable *file; /* char * to char * */
};

/* Takes one pair of quotes off; without them a comment may follow. */
static char *unquote(const char *text) {
  gsize len = strlen(text);
  if (len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0])
    return g_strndup(text + 1, len - 2);
  const char *comment = strstr(text, " #");
  return g_strchomp(g_strndup(text, comment ? (gsize)(comment - text) : len));
}

static gboolean read_line(AuthEnvironment *environment, char *line) {
  g_strstrip(line);
  if (!*line || *line == '#')
    return TRUE;
  if (g_str_has_prefix(line, "export "))
    line += strlen("export ");
  char *equals = strchr(line, '=');
  if (!equals || equals == line)
    return FALSE;
  *equals = 0;
  g_hash_table_insert(environment->file, g_strdup(g_strstrip(line)), unquote(g_strstrip(equals + 1)));
  return TRUE;
}

AuthEnvironment *auth_environment_load(const char *path, GError **error) {
  g_autoptr(AuthEnvironment) environment = g_new0(AuthEnvironment, 1);
  environment->file = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GError) cause = NULL;
  g_autofree char *text = file_read_text(path, MAX_FILE, &cause);
  if (!text && g_error_matches(cause, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return g_steal_pointer(&environment);
  if (!text) {
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
  }
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (read_line(environment, lines[i]))
      continue;
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s:%u: expected NAME=VALUE", path, i + 1);
    return NULL;
  }
  return g_steal_pointer(&environment);
}

void auth_environment_free(AuthEnvironment *environment) {
  if (!environment)
    return;
  g_hash_table_unref(environment->file);
  g_free(environment);
}

const char *auth_environment_get(AuthEnvironment *environment, const char *name, const char *fallback) {
  const char *value = g_getenv(name);
  if (!value)
    value = g_hash_table_lookup(environment->file, name);
  return value && *value ? value : fallback;
}

gboolean auth_environment_uint(AuthEnvironment *environment, const char *name, guint64 fallback, guint64 max,
                               guint64 *out, GError **error) {
  const char *text = auth_environment_get(environment, name, NULL);
  *out = fallback;
  if (!text)
    return TRUE;
  gboolean leading_zero = text[0] == '0' && text[1];
  if (!leading_zero && g_ascii_string_to_unsigned(text, 10, 0, max, out, NULL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected a whole number of at most %" G_GUINT64_FORMAT,
              name, max);
  return FALSE;
}
