#include "env_file.h"

#include "base/file.h"
#include "base/json.h"

#include <string.h>

#define QUOTED_CHARACTERS " |&;<>()$`\\\"'"
#define ESCAPED_CHARACTERS "\"$`\\"

/* systemd ends an unquoted value at a carriage return too: what follows would be a variable of the sender's choice. */
static gboolean needs_quotes(const char *value) {
  for (const char *p = value; *p; p++)
    if (g_ascii_iscntrl(*p) || strchr(QUOTED_CHARACTERS, *p))
      return TRUE;
  return FALSE;
}

static void append_quoted(GString *out, const char *value) {
  g_string_append_c(out, '"');
  for (const char *p = value; *p; p++) {
    if (*p == '\n') {
      g_string_append(out, "\\n");
      continue;
    }
    if (strchr(ESCAPED_CHARACTERS, *p))
      g_string_append_c(out, '\\');
    g_string_append_c(out, *p);
  }
  g_string_append_c(out, '"');
}

static gboolean append_line(gpointer name, gpointer value, gpointer data) {
  GString *out = data;
  g_string_append(out, name);
  g_string_append_c(out, '=');
  if (needs_quotes(value))
    append_quoted(out, value);
  else
    g_string_append(out, value);
  g_string_append_c(out, '\n');
  return FALSE; /* go on */
}

static Secret *take_text(char *text, gsize len) {
  Secret *secret = secret_new(text, len);
  secret_wipe(text, len);
  return secret;
}

Secret *env_file_lines(EnvMap *map) {
  g_autoptr(GString) out = g_string_new(NULL);
  g_tree_foreach(map, append_line, out);
  return take_text(out->str, out->len);
}

static gboolean set_member(gpointer name, gpointer value, gpointer data) {
  json_object_set_new(data, name, json_string(value));
  return FALSE; /* go on */
}

Secret *env_file_json(EnvMap *map) {
  g_autoptr(json_t) object = json_object();
  g_tree_foreach(map, set_member, object);
  g_autofree char *text = json_print(object);
  return take_text(text, strlen(text));
}

static gboolean write_secret(const char *directory, const char *name, const Secret *content, GError **error) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  return file_write_atomic(path, secret_peek(content), secret_len(content), 0600, error);
}

gboolean env_files_write(EnvMap *map, const char *directory, GError **error) {
  g_autoptr(Secret) lines = env_file_lines(map);
  g_autoptr(Secret) json = env_file_json(map);
  return write_secret(directory, ".decrypted-env", lines, error) &&
         write_secret(directory, ".decrypted-env.json", json, error);
}
