#include "cli/env_policy.h"

#include "base/error.h"
#include "cvm/compose.h"

#include <string.h>

static gboolean is_empty(const EnvFile *env) { return !env->keys || env->keys->len == 0; }

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean refuse(GError **error, const char *format, ...) {
  va_list values;
  va_start(values, format);
  g_autofree char *text = g_strdup_vprintf(format, values);
  va_end(values);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", text);
  return FALSE;
}

gboolean env_policy_check_options(const ComposeOptions *options, const EnvFile *env, GError **error) {
  return is_empty(env) || options->kms ||
         refuse(error, "--env-file needs --kms: without a kms the app has no key to read its variables with");
}

static gboolean check_no_shape(const ComposeOptions *options, const char *path, GError **error) {
  const struct {
    gboolean given;
    const char *name;
  } shapes[] = {{options->prelaunch_script != NULL, "--prelaunch-script"},
                {options->kms, "--kms"},
                {options->gateway, "--gateway"},
                {options->local_key_provider, "--local-key-provider"},
                {options->key_provider_id != NULL, "--key-provider-id"},
                {options->public_logs, "--public-logs"},
                {options->public_sysinfo, "--public-sysinfo"},
                {options->no_instance_id, "--no-instance-id"},
                {options->secure_time, "--secure-time"},
                {options->swap != NULL, "--swap"}};
  for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
    if (shapes[i].given)
      return refuse(error, "%s has no effect on %s, which is deployed byte for byte: change it there", shapes[i].name, path);
  return TRUE;
}

gboolean env_policy_check_ready(const ComposeOptions *options, const EnvFile *env, const char *path, const char *text,
                                GError **error) {
  if (!check_no_shape(options, path, error))
    return FALSE;
  if (is_empty(env))
    return TRUE;
  g_autoptr(AppCompose) compose = app_compose_parse(text, strlen(text), error);
  if (!compose) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  if (compose->key_provider != KEY_PROVIDER_KMS)
    return refuse(error, "--env-file needs \"kms_enabled\": true in %s: without a kms the app has no key to read its variables with",
                  path);
  g_autoptr(GString) missing = g_string_new(NULL);
  for (guint i = 0; i < env->keys->len; i++)
    if (!g_strv_contains((const char *const *)compose->allowed_envs, env->keys->pdata[i]))
      g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", (const char *)env->keys->pdata[i]);
  return missing->len == 0 || refuse(error, "%s does not allow the app to get: %s; add to its \"allowed_envs\"", path, missing->str);
}
