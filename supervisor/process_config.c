#include "supervisor/process_config.h"

#include "base/error.h"

#include <string.h>

#define WHAT "process"

void process_config_free(ProcessConfig *config) {
  if (!config)
    return;
  g_free(config->id);
  g_free(config->name);
  g_free(config->command);
  g_strfreev(config->args);
  json_decref(config->env);
  g_free(config->cwd);
  g_free(config->out_path);
  g_free(config->err_path);
  g_free(config->pid_path);
  g_free(config->note);
  g_free(config);
}

static gboolean take_text(const json_t *object, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(object, key, "", &text, WHAT, error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

static gboolean take_required(const json_t *object, const char *key, char **out, GError **error) {
  *out = g_strdup(json_get_string(object, key, WHAT, error));
  return *out != NULL;
}

static gboolean take_environment(const json_t *object, json_t **out, GError **error) {
  json_t *env = json_object_get(object, "env");
  if (!env || json_is_null(env)) {
    *out = json_object();
    return TRUE;
  }
  if (!json_require_object(env, WHAT ".env", error))
    return FALSE;
  const char *key;
  json_t *value;
  json_object_foreach(env, key, value) {
    if (!json_get_string(env, key, WHAT ".env", error))
      return FALSE;
    if (*key && !strchr(key, '='))
      continue;
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".env: '%s' is no name of a variable", key);
    return FALSE;
  }
  *out = json_incref(env);
  return TRUE;
}

static gboolean take_cid(const json_t *object, ProcessConfig *config, GError **error) {
  guint64 cid = 0;
  json_t *value = json_object_get(object, "cid");
  config->has_cid = value && !json_is_null(value);
  if (!json_get_uint_or(object, "cid", 0, G_MAXUINT32, &cid, WHAT, error))
    return FALSE;
  config->cid = (guint32)cid;
  return TRUE;
}

ProcessConfig *process_config_parse(const json_t *object, GError **error) {
  g_autoptr(ProcessConfig) config = g_new0(ProcessConfig, 1);
  if (!json_require_object(object, WHAT, error) || !take_required(object, "id", &config->id, error) ||
      !take_text(object, "name", &config->name, error) || !take_required(object, "command", &config->command, error) ||
      !(config->args = json_get_strings_or_empty(object, "args", WHAT, error)) ||
      !take_environment(object, &config->env, error) || !take_text(object, "cwd", &config->cwd, error) ||
      !take_text(object, "stdout", &config->out_path, error) || !take_text(object, "stderr", &config->err_path, error) ||
      !take_text(object, "pidfile", &config->pid_path, error) || !take_cid(object, config, error) ||
      !take_text(object, "note", &config->note, error))
    return NULL;
  return g_steal_pointer(&config);
}

json_t *process_config_to_json(const ProcessConfig *config) {
  json_t *args = json_array();
  for (guint i = 0; config->args[i]; i++)
    json_array_append_new(args, json_string(config->args[i]));
  return json_pack("{s:s, s:s, s:s, s:o, s:O, s:s, s:s, s:s, s:s, s:o, s:s}", "id", config->id, "name", config->name,
                   "command", config->command, "args", args, "env", config->env, "cwd", config->cwd, "stdout",
                   config->out_path, "stderr", config->err_path, "pidfile", config->pid_path, "cid",
                   config->has_cid ? json_integer(config->cid) : json_null(), "note", config->note);
}

char **process_config_environment(const ProcessConfig *config) {
  char **env = g_get_environ();
  const char *key;
  json_t *value;
  json_object_foreach(config->env, key, value) env = g_environ_setenv(env, key, json_string_value(value), TRUE);
  return env;
}
