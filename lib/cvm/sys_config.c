#include "cvm/sys_config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <string.h>

#define WHAT ".sys-config.json"

void sys_config_free(SysConfig *config) {
  if (!config)
    return;
  g_strfreev(config->kms_urls);
  g_strfreev(config->gateway_urls);
  g_free(config->pccs_url);
  g_free(config->docker_registry);
  g_free(config->host_api_url);
  g_free(config->vm_config);
  g_free(config);
}

static gboolean get_urls(const json_t *root, const char *key, char ***out, GError **error) {
  *out = json_get_strings_or_empty(root, key, WHAT, error);
  if (*out && g_strv_length(*out) > SYS_CONFIG_MAX_URLS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, WHAT ".%s: more than %d urls", key, SYS_CONFIG_MAX_URLS);
    return FALSE;
  }
  return *out != NULL;
}

static gboolean get_text(const json_t *root, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(root, key, NULL, &text, WHAT, error))
    return FALSE;
  *out = text && *text ? g_strdup(text) : NULL;
  return TRUE;
}

SysConfig *sys_config_parse(const char *text, gsize len, GError **error) {
  g_autoptr(json_t) root = json_parse(text, len, WHAT, error);
  if (!root || !json_require_object(root, WHAT, error))
    return NULL;
  g_autoptr(SysConfig) config = g_new0(SysConfig, 1);
  const char *gateway_key = json_object_get(root, "gateway_urls") ? "gateway_urls" : "tproxy_urls";
  if (!get_urls(root, "kms_urls", &config->kms_urls, error) ||
      !get_urls(root, gateway_key, &config->gateway_urls, error) ||
      !get_text(root, "pccs_url", &config->pccs_url, error) ||
      !get_text(root, "docker_registry", &config->docker_registry, error) ||
      !get_text(root, "host_api_url", &config->host_api_url, error))
    return NULL;
  const char *vm_config = json_get_string(root, "vm_config", WHAT, error);
  if (!vm_config)
    return NULL;
  config->vm_config = g_strdup(vm_config);
  return g_steal_pointer(&config);
}

SysConfig *sys_config_load(const char *path, GError **error) {
  g_autofree char *text = file_read_text(path, SYS_CONFIG_MAX_SIZE, error);
  return text ? sys_config_parse(text, strlen(text), error) : NULL;
}
