#include "kms/agent.h"

#include "base/error.h"
#include "guest_agent.pb-c.h"
#include "prpc/client.h"

#include <string.h>

#define SOCKET "/var/run/dstack/dstack.sock"
#define OLDER_SOCKET "/var/run/dstack.sock"

static const char *agent_address(void) {
  const char *address = g_getenv("DSTACK_AGENT_ADDRESS");
  if (address && *address)
    return address;
  gboolean only_older = !g_file_test(SOCKET, G_FILE_TEST_EXISTS) && g_file_test(OLDER_SOCKET, G_FILE_TEST_EXISTS);
  return only_older ? "unix:" OLDER_SOCKET : "unix:" SOCKET;
}

static ProtobufCMessage *call_agent(const char *method, const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *type, GError **error) {
  g_autoptr(PrpcClient) client = prpc_client_new(agent_address(), error);
  return client ? prpc_client_call(client, method, request, type, error) : NULL;
}

char *agent_get_vm_config(GError **error) {
  g_autoptr(PrpcMessage) message = call_agent("Info", NULL, &dstack_guest__app_info__descriptor, error);
  if (!message) {
    g_prefix_error(error, "failed to get the vm's configuration from the guest agent at %s: ", agent_address());
    return NULL;
  }
  const char *vm_config = ((const DstackGuest__AppInfo *)message)->vm_config;
  if (*vm_config)
    return g_strdup(vm_config);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "guest agent answered without a vm_config");
  return NULL;
}

gboolean agent_get_quote(const guint8 report_data[TDX_REPORT_DATA_SIZE], GBytes **quote, GBytes **event_log,
                         GError **error) {
  DstackGuest__RawQuoteArgs request = DSTACK_GUEST__RAW_QUOTE_ARGS__INIT;
  request.report_data = (ProtobufCBinaryData){TDX_REPORT_DATA_SIZE, (guint8 *)report_data};
  g_autoptr(PrpcMessage) message =
      call_agent("GetQuote", &request.base, &dstack_guest__get_quote_response__descriptor, error);
  if (!message) {
    g_prefix_error(error, "failed to get a quote from the guest agent at %s: ", agent_address());
    return FALSE;
  }
  const DstackGuest__GetQuoteResponse *answer = (const DstackGuest__GetQuoteResponse *)message;
  if (answer->quote.len == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "guest agent answered without a quote");
    return FALSE;
  }
  *quote = g_bytes_new(answer->quote.data, answer->quote.len);
  *event_log = g_bytes_new(answer->event_log, strlen(answer->event_log));
  return TRUE;
}
