#include "vmm/guest_client.h"

#include "vmm/vsock_device.h"

#include "guest_api.pb-c.h"
#include "prpc/client.h"

#define AGENT_PORT 8000
#define CONNECT_MS 5000
#define CALL_MS 30000

ProtobufCMessage *guest_client_call(Vmm *vmm, Vm *vm, const char *method, const ProtobufCMessageDescriptor *answer_type,
                                    GError **error) {
  g_autofree char *url = vsock_guest_url(vmm, vm, AGENT_PORT, "/api");
  g_autoptr(PrpcClient) client = prpc_client_new(url, error);
  if (!client)
    return NULL;
  prpc_client_set_timeouts(client, CONNECT_MS, CALL_MS);
  ProtobufCMessage *answer = prpc_client_call(client, method, NULL, answer_type, error);
  if (!answer)
    g_prefix_error(error, "guest: ");
  return answer;
}

gboolean guest_client_shutdown(Vmm *vmm, Vm *vm, GError **error) {
  g_autoptr(PrpcMessage) answer = guest_client_call(vmm, vm, "Shutdown", &google__protobuf__empty__descriptor, error);
  return answer != NULL;
}
