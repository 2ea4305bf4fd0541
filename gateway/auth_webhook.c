#include "auth_webhook.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "prpc/client.h"

#include <string.h>

#define MAX_ANSWER (64 * 1024)

static void add_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *text = hex_encode(data, len);
  json_object_set_new(object, key, json_string(text));
}

static void add_bytes(json_t *object, const char *key, GBytes *bytes) {
  gsize len = 0;
  const void *data = bytes ? g_bytes_get_data(bytes, &len) : "";
  add_hex(object, key, data, len);
}

char *auth_webhook_body(const AppInfo *info) {
  static const char *const registers[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
  g_autoptr(json_t) body = json_object();
  add_bytes(body, "app_id", info->app_id);
  add_bytes(body, "compose_hash", info->compose_hash);
  add_bytes(body, "instance_id", info->instance_id);
  add_hex(body, "device_id", info->device_id, sizeof info->device_id);
  add_hex(body, "mrtd", info->mrtd, sizeof info->mrtd);
  for (guint i = 0; i < G_N_ELEMENTS(registers); i++)
    add_hex(body, registers[i], info->rtmr[i], sizeof info->rtmr[i]);
  add_hex(body, "mr_system", info->mr_system, sizeof info->mr_system);
  add_hex(body, "mr_aggregated", info->mr_aggregated, sizeof info->mr_aggregated);
  add_bytes(body, "os_image_hash", info->os_image_hash);
  add_bytes(body, "key_provider_info", info->key_provider_info);
  return json_print(body);
}

gboolean auth_webhook_ask(const char *url, guint64 timeout_ms, const AppInfo *info, GError **error) {
  g_autoptr(PrpcClient) client = prpc_client_new(url, error);
  if (!client)
    return FALSE;
  guint limit_ms = (guint)MIN(timeout_ms, G_MAXINT);
  prpc_client_set_timeouts(client, limit_ms, limit_ms);
  g_autofree char *body = auth_webhook_body(info);
  int status = 0;
  g_autoptr(GBytes) answer =
      prpc_client_http(client, "POST", "", "application/json", body, strlen(body), MAX_ANSWER, &status, error);
  if (!answer)
    return FALSE;
  if (status >= 200 && status < 300)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "the auth webhook answered with status %d", status);
  return FALSE;
}
