#include "guest/tee-simulator/config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"

#include <string.h>

#define CONFIG_MAX_SIZE (TDX_LOG_MAX_JSON + 4096)
#define SEED_SIZE 32
#define PLATFORM "dstack-tdx"
#define WHAT "tee simulator config"

static gboolean read_hex(const json_t *object, const char *key, guint8 *out, gsize size, GError **error) {
  const char *text = json_get_string(object, key, WHAT, error);
  if (!text)
    return FALSE;
  if (hex_decode_fixed(text, out, size, error))
    return TRUE;
  g_prefix_error(error, WHAT ".%s: ", key);
  return FALSE;
}

static gboolean check_platform(const json_t *object, GError **error) {
  const char *platform = json_get_string(object, "platform", WHAT, error);
  if (!platform)
    return FALSE;
  if (g_str_equal(platform, PLATFORM))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "simulated platform %s is not implemented yet", platform);
  return FALSE;
}

static TdxEventLog *read_boot_log(const json_t *object, GError **error) {
  json_t *events = json_object_get(object, "boot_log");
  if (!json_is_array(events)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".boot_log: expected an array");
    return NULL;
  }
  g_autofree char *text = json_print(events);
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(text, strlen(text), error);
  for (guint i = 0; log && i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    if (event->imr == TDX_RUNTIME_RTMR) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".boot_log: holds a runtime event");
      return NULL;
    }
  }
  return g_steal_pointer(&log);
}

TeeConfig *tee_config_parse(const char *text, gsize len, GError **error) {
  g_autoptr(json_t) object = json_parse(text, len, WHAT, error);
  if (!object || !json_require_object(object, WHAT, error) || !check_platform(object, error))
    return NULL;
  g_autoptr(TeeConfig) config = g_new0(TeeConfig, 1);
  config->seed = secret_new_zero(SEED_SIZE);
  if (!read_hex(object, "mock_attestation_seed", secret_data(config->seed), SEED_SIZE, error) ||
      !read_hex(object, "mrtd", config->mrtd, sizeof config->mrtd, error) ||
      !read_hex(object, "mr_config_id", config->mr_config_id, sizeof config->mr_config_id, error))
    return NULL;
  config->boot_log = read_boot_log(object, error);
  return config->boot_log ? g_steal_pointer(&config) : NULL;
}

TeeConfig *tee_config_load(const char *path, GError **error) {
  g_autoptr(GBytes) content = file_read_nofollow(path, CONFIG_MAX_SIZE, error);
  return content ? tee_config_parse(g_bytes_get_data(content, NULL), g_bytes_get_size(content), error) : NULL;
}

void tee_config_free(TeeConfig *config) {
  if (!config)
    return;
  secret_free(config->seed);
  g_clear_pointer(&config->boot_log, g_ptr_array_unref);
  g_free(config);
}
