#include "vmm/app_compose.h"

#include "vmm/compose_yaml.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/units.h"
#include "crypto/digest.h"

#include <string.h>

#define WHAT "compose_file"
#define APP_ID_DIGITS 40
#define MAX_MANIFEST_VERSION 3

void app_compose_free(AppCompose *compose) {
  if (!compose)
    return;
  g_free(compose->name);
  g_free(compose->runner);
  g_free(compose->docker_compose_file);
  g_clear_pointer(&compose->key_provider_id, g_bytes_unref);
  g_free(compose);
}

char *app_compose_hash(const char *text) {
  guint8 digest[SHA256_SIZE];
  digest_sha256(text, strlen(text), digest);
  return hex_encode(digest, sizeof digest);
}

char *app_compose_default_app_id(const char *text) {
  char *hash = app_compose_hash(text);
  hash[APP_ID_DIGITS] = '\0';
  return hash;
}

static gboolean wrong(const char *key, const char *reason, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s: %s", key, reason);
  return FALSE;
}

/* A number, or from 3 on a canonical decimal string. */
static gboolean check_manifest_version(const json_t *object, GError **error) {
  const json_t *value = json_object_get(object, "manifest_version");
  if (json_is_integer(value) && json_integer_value(value) >= 1 && json_integer_value(value) <= 2)
    return TRUE;
  guint64 version;
  const char *text = json_string_value(value);
  if (text && *text >= '1' && *text <= '9' && g_ascii_string_to_unsigned(text, 10, 1, MAX_MANIFEST_VERSION, &version, NULL))
    return TRUE;
  return wrong("manifest_version", value ? "expected 1, 2 or \"3\"" : "it is missing", error);
}

/* An explicit null is allowed only where the reference allows it. */
static gboolean check_nulls(const json_t *object, GError **error) {
  static const char *const known[] = {
      "name",           "runner",         "pre_launch_script", "init_script",     "features",      "kms_enabled",
      "key_provider_id", "gateway_enabled", "tproxy_enabled",   "public_logs",     "public_sysinfo", "public_tcbinfo",
      "allowed_envs",   "no_instance_id", "secure_time",       "swap_size",       "local_key_provider_enabled"};
  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if (json_is_null(json_object_get(object, known[i])))
      return wrong(known[i], "null is not possible here", error);
  return TRUE;
}

static gboolean check_flags(const json_t *object, GError **error) {
  static const char *const flags[] = {"public_logs", "public_sysinfo", "public_tcbinfo", "no_instance_id", "secure_time"};
  gboolean ignored;
  for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
    if (!json_get_bool_or(object, flags[i], FALSE, &ignored, WHAT, error))
      return FALSE;
  g_auto(GStrv) envs = json_get_strings_or_empty(object, "allowed_envs", WHAT, error);
  const char *text;
  return envs && json_get_string_or(object, "pre_launch_script", "", &text, WHAT, error) &&
         json_get_string_or(object, "storage_fs", "", &text, WHAT, error);
}

static gboolean check_swap_size(const json_t *object, GError **error) {
  const json_t *value = json_object_get(object, "swap_size");
  guint64 bytes;
  if (!value || (json_is_integer(value) && json_integer_value(value) >= 0) ||
      (json_is_string(value) && units_parse_size(json_string_value(value), &bytes, NULL)))
    return TRUE;
  return wrong("swap_size", "expected a number of bytes or a size such as \"2G\"", error);
}

static gboolean has_feature(char **features, const char *name) { return g_strv_contains((const char *const *)features, name); }

static gboolean take_key_provider(const json_t *object, char **features, AppCompose *compose, GError **error) {
  static const char *const names[] = {"none", "local", "kms", "tpm"}; /* in the order of KeyProviderKind */
  const char *provider;
  gboolean kms, local;
  if (!json_get_string_or(object, "key_provider", "", &provider, WHAT, error) ||
      !json_get_bool_or(object, "kms_enabled", FALSE, &kms, WHAT, error) ||
      !json_get_bool_or(object, "local_key_provider_enabled", FALSE, &local, WHAT, error))
    return FALSE;
  kms = kms || has_feature(features, "kms");
  compose->key_provider = kms ? KEY_PROVIDER_KMS : (local ? KEY_PROVIDER_LOCAL : KEY_PROVIDER_NONE);
  if (!*provider)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (strcmp(provider, names[i]) == 0) {
      compose->key_provider = (KeyProviderKind)i;
      return TRUE;
    }
  return wrong("key_provider", "expected none, kms, local or tpm", error);
}

static gboolean take_provider_id(const json_t *object, AppCompose *compose, GError **error) {
  const char *text;
  if (!json_get_string_or(object, "key_provider_id", "", &text, WHAT, error))
    return FALSE;
  compose->key_provider_id = hex_decode(text, strlen(text), error);
  if (!compose->key_provider_id)
    g_prefix_error(error, WHAT ".key_provider_id: ");
  return compose->key_provider_id != NULL;
}

static gboolean take_gateway(const json_t *object, char **features, AppCompose *compose, GError **error) {
  gboolean gateway, tproxy;
  if (!json_get_bool_or(object, "gateway_enabled", FALSE, &gateway, WHAT, error) ||
      !json_get_bool_or(object, "tproxy_enabled", FALSE, &tproxy, WHAT, error))
    return FALSE;
  compose->gateway_enabled = gateway || tproxy || has_feature(features, "tproxy-net");
  return TRUE;
}

static gboolean take_runner(const json_t *object, AppCompose *compose, GError **error) {
  const char *name = json_get_string(object, "name", WHAT, error);
  const char *runner = name ? json_get_string(object, "runner", WHAT, error) : NULL;
  const char *yaml;
  if (!runner || !json_get_string_or(object, "docker_compose_file", NULL, &yaml, WHAT, error))
    return FALSE;
  compose->name = g_strdup(name);
  compose->runner = g_strdup(runner);
  compose->docker_compose_file = g_strdup(yaml);
  gboolean needs_yaml = strcmp(runner, "docker-compose") == 0 || strcmp(runner, "nerdctl-compose") == 0;
  if (!needs_yaml)
    return TRUE;
  if (!yaml)
    return wrong("docker_compose_file", "it is missing", error);
  if (compose_yaml_check(yaml, error))
    return TRUE;
  g_prefix_error(error, WHAT ".docker_compose_file is no docker-compose file: ");
  return FALSE;
}

AppCompose *app_compose_parse(const char *text, GError **error) {
  gsize len = strlen(text);
  if (len > APP_COMPOSE_MAX_BYTES) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, WHAT ": %zu bytes, but the guest reads at most %d", len,
                APP_COMPOSE_MAX_BYTES);
    return NULL;
  }
  g_autoptr(json_t) object = json_parse(text, len, WHAT, error);
  if (!object || !json_require_object(object, WHAT, error))
    return NULL;
  g_auto(GStrv) features = json_get_strings_or_empty(object, "features", WHAT, error);
  g_autoptr(AppCompose) compose = g_new0(AppCompose, 1);
  if (!features || !check_manifest_version(object, error) || !check_nulls(object, error) || !check_flags(object, error) ||
      !check_swap_size(object, error) || !take_key_provider(object, features, compose, error) ||
      !take_provider_id(object, compose, error) || !take_gateway(object, features, compose, error) ||
      !take_runner(object, compose, error))
    return NULL;
  return g_steal_pointer(&compose);
}
