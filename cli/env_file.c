#include "cli/env_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <string.h>

#define MAX_NAME 255
#define MAX_ENV_BYTES (128 * 1024) /* what the guest reads, less what JSON and encryption add */

static void free_secret_text(gpointer data) {
  secret_wipe(data, strlen(data));
  g_free(data);
}

void env_file_clear(EnvFile *env) {
  g_clear_pointer(&env->keys, g_ptr_array_unref);
  g_clear_pointer(&env->values, g_ptr_array_unref);
}

static void set(EnvFile *env, const char *key, const char *value) {
  for (guint i = 0; i < env->keys->len; i++)
    if (strcmp(env->keys->pdata[i], key) == 0) {
      free_secret_text(env->values->pdata[i]);
      env->values->pdata[i] = g_strdup(value);
      return;
    }
  g_ptr_array_add(env->keys, g_strdup(key));
  g_ptr_array_add(env->values, g_strdup(value));
}

/* What the guest takes for a name: with any other the VM would not boot. */
static gboolean check_name(const char *name, guint number, GError **error) {
  gsize len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
  const char *reason = !*name                                 ? "empty key"
                       : g_str_has_prefix(name, "export ")    ? "leave `export` away: this file is not read by a shell"
                       : name[len] || g_ascii_isdigit(*name)  ? "a key is of letters, digits and _, and begins with no digit"
                       : len > MAX_NAME                       ? "the key is longer than 255 bytes"
                                                              : NULL;
  if (reason)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "line %u: %s", number, reason);
  return !reason;
}

/* `line` is changed. */
static gboolean take_line(EnvFile *env, char *line, guint number, GError **error) {
  g_strstrip(line);
  char *equals = strchr(line, '=');
  if (!*line || *line == '#' || !equals)
    return TRUE;
  *equals = '\0';
  g_strchomp(line);
  if (!check_name(line, number, error))
    return FALSE;
  set(env, line, g_strchug(equals + 1));
  return TRUE;
}

gboolean env_file_parse(const char *text, EnvFile *out, GError **error) {
  g_autofree char *copy = g_strdup(text);
  gsize len = strlen(copy);
  out->keys = g_ptr_array_new_with_free_func(g_free);
  out->values = g_ptr_array_new_with_free_func(free_secret_text);
  gboolean ok = TRUE;
  guint number = 0;
  for (char *line = copy, *next; line && ok; line = next) {
    next = strchr(line, '\n');
    if (next)
      *next++ = '\0';
    ok = take_line(out, line, ++number, error);
  }
  secret_wipe(copy, len);
  if (!ok)
    env_file_clear(out);
  return ok;
}

gboolean env_file_read(const char *path, EnvFile *out, GError **error) {
  char *text = file_read_text(path, MAX_ENV_BYTES, error);
  *out = (EnvFile){0};
  if (!text)
    return FALSE;
  gboolean parsed = env_file_parse(text, out, error);
  if (!parsed)
    g_prefix_error(error, "%s: ", path);
  free_secret_text(text);
  return parsed;
}

Secret *env_file_plaintext(const EnvFile *env) {
  json_t *list = json_array();
  for (guint i = 0; i < env->keys->len; i++)
    json_array_append_new(list, json_pack("{s:s, s:s}", "key", env->keys->pdata[i], "value", env->values->pdata[i]));
  g_autoptr(json_t) object = json_pack("{s:o}", "env", list);
  char *text = json_print(object);
  Secret *plaintext = secret_new(text, strlen(text));
  free_secret_text(text);
  return plaintext;
}
