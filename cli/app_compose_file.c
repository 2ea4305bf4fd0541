#include "cli/app_compose_file.h"

#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

#define MANIFEST_VERSION 2
#define UNICODE_ESCAPE_DIGITS 4

static json_t *allowed_envs(const EnvFile *env) {
  json_t *list = json_array();
  for (guint i = 0; env && env->keys && i < env->keys->len; i++)
    json_array_append_new(list, json_string(env->keys->pdata[i]));
  return list;
}

/* jansson writes \u001B where the reference's tool, whose bytes we keep, writes \u001b. */
static void lower_escapes(char *text) {
  for (char *at = text; *at; at++) {
    if (*at != '\\')
      continue;
    at++;
    for (guint i = 1; *at == 'u' && i <= UNICODE_ESCAPE_DIGITS; i++)
      at[i] = g_ascii_tolower(at[i]);
  }
}

char *app_compose_write(const AppComposeSpec *spec) {
  g_autoptr(json_t) object = json_pack(
      "{s:i, s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:b, s:b, s:o, s:b, s:b}", "manifest_version", MANIFEST_VERSION, "name",
      spec->name, "runner", "docker-compose", "docker_compose_file", spec->docker_compose, "kms_enabled", spec->kms,
      "gateway_enabled", spec->gateway, "local_key_provider_enabled", spec->local_key_provider, "key_provider_id",
      spec->key_provider_id, "public_logs", spec->public_logs, "public_sysinfo", spec->public_sysinfo, "allowed_envs",
      allowed_envs(spec->env), "no_instance_id", spec->no_instance_id, "secure_time", spec->secure_time);
  if (spec->pre_launch_script)
    json_object_set_new(object, "pre_launch_script", json_string(spec->pre_launch_script));
  if (spec->swap_bytes)
    json_object_set_new(object, "swap_size", json_integer((json_int_t)spec->swap_bytes));
  char *dumped = json_dumps(object, JSON_INDENT(4));
  char *text = g_strdup(dumped);
  free(dumped);
  lower_escapes(text);
  return text;
}

char *app_compose_file_hash(const char *text) {
  guint8 digest[SHA256_SIZE];
  digest_sha256(text, strlen(text), digest);
  return hex_encode(digest, sizeof digest);
}

gboolean app_compose_recognize(const char *text) {
  g_autoptr(json_t) object = json_parse(text, strlen(text), "compose", NULL);
  return json_object_get(object, "manifest_version") != NULL;
}
