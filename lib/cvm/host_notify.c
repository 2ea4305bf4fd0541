#include "cvm/host_notify.h"

#include "base/log.h"
#include "prpc/client.h"

#include "google/protobuf/empty.pb-c.h"
#include "host_api.pb-c.h"

#include <string.h>

#define CONNECT_TIMEOUT_MS 3000
#define TOTAL_TIMEOUT_MS 10000

static char *cut(const char *payload) {
  gsize len = strlen(payload);
  if (len <= HOST_NOTIFY_MAX_PAYLOAD)
    return g_strdup(payload);
  len = HOST_NOTIFY_MAX_PAYLOAD;
  while (len > 0 && ((guchar)payload[len] & 0xc0) == 0x80)
    len--;
  return g_strndup(payload, len);
}

gboolean host_notify(const char *host_api_url, const char *event, const char *payload, GError **error) {
  if (!host_api_url)
    return TRUE;
  g_autoptr(PrpcClient) client = prpc_client_new(host_api_url, error);
  if (!client)
    return FALSE;
  prpc_client_set_timeouts(client, CONNECT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
  g_autoptr(PrpcMessage) request = prpc_message_new(&host_api__notification__descriptor);
  HostApi__Notification *notification = (HostApi__Notification *)request;
  g_autofree char *text = cut(payload);
  prpc_set_string(&notification->event, event);
  prpc_set_string(&notification->payload, text);
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "Notify", request, &google__protobuf__empty__descriptor, error);
  return answer != NULL;
}

void host_notify_or_log(const char *host_api_url, const char *event, const char *payload) {
  g_autoptr(GError) error = NULL;
  if (!host_notify(host_api_url, event, payload, &error))
    log_warn("failed to notify the host of %s: %s", event, error->message);
}
