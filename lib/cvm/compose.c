#include "cvm/compose.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/units.h"

#include <string.h>

#define WHAT "app-compose.json"
#define MAX_MANIFEST_VERSION 2
#define MAX_ENVS 1024

void app_compose_free(AppCompose *compose) {
  if (!compose)
    return;
  g_free(compose->text);
  g_free(compose->name);
  g_free(compose->runner);
  g_free(compose->docker_compose_file);
  g_free(compose->pre_launch_script);
  g_free(compose->init_script);
  g_free(compose->storage_fs);
  g_clear_pointer(&compose->key_provider_id, g_bytes_unref);
  g_strfreev(compose->allowed_envs);
  g_free(compose);
}

static gboolean invalid(GError **error, const char *text) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ": %s", text);
  return FALSE;
}

static gboolean not_implemented(GError **error, const char *member) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "not implemented yet: " WHAT ".%s", member);
  return FALSE;
}

/* "1".."9...", without sign or leading zero; blanks around are allowed. 0 for anything else. */
static guint64 canonical_decimal(const char *text) {
  g_autofree char *trimmed = g_strstrip(g_strdup(text));
  if (!*trimmed || *trimmed == '0' || strspn(trimmed, "0123456789") != strlen(trimmed) || strlen(trimmed) > 9)
    return 0;
  return g_ascii_strtoull(trimmed, NULL, 10);
}

static gboolean check_manifest_version(const json_t *root, GError **error) {
  const json_t *member = json_object_get(root, "manifest_version");
  guint64 version = 0;
  if (json_is_string(member))
    version = canonical_decimal(json_string_value(member));
  else if (!json_get_uint(root, "manifest_version", G_MAXUINT32, &version, WHAT, error))
    return FALSE;
  if (version == 0)
    return invalid(error, "manifest_version is not a positive whole number");
  return version <= MAX_MANIFEST_VERSION || not_implemented(error, "manifest_version above 2");
}

/* An explicit null is allowed only where the reference allows it. */
static gboolean check_nulls(const json_t *root, GError **error) {
  static const char *const members[] = {"name",
                                        "runner",
                                        "pre_launch_script",
                                        "init_script",
                                        "features",
                                        "kms_enabled",
                                        "swap_size",
                                        "gateway_enabled",
                                        "tproxy_enabled",
                                        "public_logs",
                                        "public_sysinfo",
                                        "public_tcbinfo",
                                        "secure_time",
                                        "allowed_envs",
                                        "no_instance_id",
                                        "key_provider_id",
                                        "local_key_provider_enabled"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++)
    if (json_is_null(json_object_get(root, members[i]))) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s: null is not possible here", members[i]);
      return FALSE;
    }
  return TRUE;
}

/* Members of newer versions that ask for an enforcement this version has not: ignoring them would be a lie. */
static gboolean refuse_newer_members(const json_t *root, GError **error) {
  static const char *const members[] = {"requirements", "verity_volumes", "port_policy", "snapshotter"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    const json_t *value = json_object_get(root, members[i]);
    if (value && !json_is_null(value))
      return not_implemented(error, members[i]);
  }
  return !json_is_array(json_object_get(root, "init_script")) || not_implemented(error, "init_script as an array");
}

static gboolean parse_event_log_version(const json_t *root, AppCompose *compose, GError **error) {
  guint64 version;
  if (!json_get_uint_or(root, "event_log_version", 1, G_MAXUINT32, &version, WHAT, error))
    return FALSE;
  compose->event_log_version = (guint)version;
  return version == 1 || version == 2 || invalid(error, "event_log_version is neither 1 nor 2");
}

static gboolean copy_optional(const json_t *root, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(root, key, NULL, &text, WHAT, error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

static gboolean parse_texts(const json_t *root, AppCompose *compose, GError **error) {
  const char *name = json_get_string(root, "name", WHAT, error);
  const char *runner = name ? json_get_string(root, "runner", WHAT, error) : NULL;
  if (!runner)
    return FALSE;
  compose->name = g_strdup(name);
  compose->runner = g_strdup(runner);
  const char *only_checked;
  return copy_optional(root, "docker_compose_file", &compose->docker_compose_file, error) &&
         json_get_string_or(root, "bash_script", NULL, &only_checked, WHAT, error) &&
         copy_optional(root, "pre_launch_script", &compose->pre_launch_script, error) &&
         copy_optional(root, "init_script", &compose->init_script, error) &&
         copy_optional(root, "storage_fs", &compose->storage_fs, error);
}

static gboolean parse_flags(const json_t *root, AppCompose *compose, GError **error) {
  gboolean gateway, tproxy;
  if (!json_get_bool_or(root, "gateway_enabled", FALSE, &gateway, WHAT, error) ||
      !json_get_bool_or(root, "tproxy_enabled", FALSE, &tproxy, WHAT, error) ||
      !json_get_bool_or(root, "public_logs", FALSE, &compose->public_logs, WHAT, error) ||
      !json_get_bool_or(root, "public_sysinfo", FALSE, &compose->public_sysinfo, WHAT, error) ||
      !json_get_bool_or(root, "public_tcbinfo", TRUE, &compose->public_tcbinfo, WHAT, error) ||
      !json_get_bool_or(root, "no_instance_id", FALSE, &compose->no_instance_id, WHAT, error) ||
      !json_get_bool_or(root, "secure_time", TRUE, &compose->secure_time, WHAT, error))
    return FALSE;
  g_auto(GStrv) features = json_get_strings_or_empty(root, "features", WHAT, error);
  if (!features)
    return FALSE;
  compose->gateway_enabled = gateway || tproxy || g_strv_contains((const char *const *)features, "tproxy-net");
  return TRUE;
}

/* Plain hex: unlike elsewhere no 0x in front, as in the reference. */
static gboolean take_key_provider_id(const json_t *root, AppCompose *compose, GError **error) {
  const char *text;
  if (!json_get_string_or(root, "key_provider_id", "", &text, WHAT, error))
    return FALSE;
  compose->key_provider_id = hex_decode(text, strlen(text), error);
  if (!compose->key_provider_id)
    g_prefix_error(error, WHAT ".key_provider_id: ");
  return compose->key_provider_id != NULL;
}

static gboolean parse_key_provider(const json_t *root, AppCompose *compose, GError **error) {
  const char *name;
  gboolean kms, local;
  if (!json_get_string_or(root, "key_provider", NULL, &name, WHAT, error) ||
      !json_get_bool_or(root, "kms_enabled", FALSE, &kms, WHAT, error) ||
      !json_get_bool_or(root, "local_key_provider_enabled", FALSE, &local, WHAT, error))
    return FALSE;
  if (!name)
    compose->key_provider = kms ? KEY_PROVIDER_KMS : local ? KEY_PROVIDER_LOCAL : KEY_PROVIDER_NONE;
  else if (g_str_equal(name, "none"))
    compose->key_provider = KEY_PROVIDER_NONE;
  else if (g_str_equal(name, "kms"))
    compose->key_provider = KEY_PROVIDER_KMS;
  else if (g_str_equal(name, "local"))
    compose->key_provider = KEY_PROVIDER_LOCAL;
  else if (g_str_equal(name, "tpm"))
    compose->key_provider = KEY_PROVIDER_TPM;
  else
    return invalid(error, "key_provider is none of none, kms, local, tpm");
  return take_key_provider_id(root, compose, error);
}

static gboolean parse_swap(const json_t *root, AppCompose *compose, GError **error) {
  const json_t *value = json_object_get(root, "swap_size");
  if (!json_is_string(value))
    return json_get_uint_or(root, "swap_size", 0, G_MAXINT64, &compose->swap_size, WHAT, error);
  if (units_parse_size(json_string_value(value), &compose->swap_size, error))
    return TRUE;
  g_prefix_error(error, WHAT ".swap_size: ");
  return FALSE;
}

static gboolean parse_envs(const json_t *root, AppCompose *compose, GError **error) {
  compose->allowed_envs = json_get_strings_or_empty(root, "allowed_envs", WHAT, error);
  if (!compose->allowed_envs)
    return FALSE;
  return g_strv_length(compose->allowed_envs) <= MAX_ENVS || invalid(error, "more than 1024 allowed_envs");
}

AppCompose *app_compose_parse(const char *text, gsize len, GError **error) {
  g_autoptr(json_t) root = json_parse(text, len, WHAT, error);
  if (!root || !json_require_object(root, WHAT, error))
    return NULL;
  g_autoptr(AppCompose) compose = g_new0(AppCompose, 1);
  compose->text = g_strndup(text, len);
  digest_sha256(text, len, compose->hash);
  if (!check_manifest_version(root, error) || !check_nulls(root, error) || !refuse_newer_members(root, error) ||
      !parse_event_log_version(root, compose, error) || !parse_texts(root, compose, error) ||
      !parse_flags(root, compose, error) || !parse_key_provider(root, compose, error) ||
      !parse_swap(root, compose, error) || !parse_envs(root, compose, error))
    return NULL;
  return g_steal_pointer(&compose);
}

gboolean app_compose_check_supported(const AppCompose *compose, GError **error) {
  if (compose->key_provider == KEY_PROVIDER_LOCAL || compose->key_provider == KEY_PROVIDER_TPM)
    return not_implemented(error,
                           compose->key_provider == KEY_PROVIDER_TPM ? "key_provider tpm" : "key_provider local");
  if (!compose->storage_fs || g_ascii_strcasecmp(compose->storage_fs, "ext4") == 0)
    return TRUE;
  return g_ascii_strcasecmp(compose->storage_fs, "zfs") == 0 ? not_implemented(error, "storage_fs zfs")
                                                             : invalid(error, "storage_fs is neither zfs nor ext4");
}

AppCompose *app_compose_load(const char *path, GError **error) {
  g_autofree char *text = file_read_text(path, COMPOSE_MAX_SIZE, error);
  return text ? app_compose_parse(text, strlen(text), error) : NULL;
}
