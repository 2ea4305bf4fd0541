#include "vmm/guest_client.h"
#include "vmm/service.h"

#include "base/error.h"
#include "guest_api.pb-c.h"

#include <string.h>

/* Every method takes the id of a VM and answers what the guest answers. */
static gboolean on_call(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                        GError **error) {
  Vmm *vmm = user_data;
  g_autoptr(Vm) vm = vm_table_find(vmm->vms, ((const GuestApi__Id *)request)->id, error);
  if (!vm)
    return FALSE;
  const char *method = prpc_call_method(call);
  g_autoptr(PrpcMessage) answer = guest_client_call(vmm, vm, method, response->descriptor, error);
  if (!answer)
    return FALSE;
  /* The two are of one type: their contents change places, and the empty one is released. */
  gsize size = response->descriptor->sizeof_message;
  g_autofree void *kept = g_memdup2(response, size);
  memcpy(response, answer, size);
  memcpy(answer, kept, size);
  return TRUE;
}

PrpcService *guest_proxy_new(Vmm *vmm) {
  static const char *const methods[] = {"Info", "SysInfo", "NetworkInfo", "ListContainers", "Shutdown"};
  PrpcService *service = prpc_service_new(&guest_api__proxied_guest_api__descriptor, "", vmm);
  for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
    prpc_service_handle(service, methods[i], on_call);
  return service;
}
