#include "vmm/lifecycle.h"
#include "vmm/service.h"
#include "vmm/work_dir.h"

#include "base/error.h"
#include "base/log.h"
#include "host_api.pb-c.h"
#include "prpc/message.h"

#include <string.h>

#define HOST_NAME "dstack VMM"
#define MAX_PAYLOAD_BYTES 4096
#define MAX_EVENT_NAME 128
#define MAX_LOGGED_BYTES 200 /* of a payload; the whole is in the events */
#define MAX_REQUEST_BYTES (64 * 1024) /* a longer notification is refused before it is read */

/* The caller is known by what the transport says alone: its CID. */
static Vm *find_caller(Vmm *vmm, PrpcCall *call, GError **error) {
  const PrpcPeer *peer = prpc_call_peer(call);
  if (peer->kind == PRPC_PEER_VSOCK)
    return vm_table_find_cid(vmm->vms, peer->cid, error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "invalid remote endpoint");
  return NULL;
}

static gboolean on_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                        GError **error) {
  (void)request;
  if (prpc_call_peer(call)->kind != PRPC_PEER_VSOCK && !find_caller(user_data, call, error))
    return FALSE;
  HostApi__HostInfo *info = (HostApi__HostInfo *)response;
  prpc_set_string(&info->name, HOST_NAME);
  prpc_set_string(&info->version, DSTACK_VERSION);
  return TRUE;
}

/* What the guest says about itself is kept for its next boot: checked, and never for another app than the deployer's. */
static gboolean take_instance_info(Vm *vm, const char *payload, GError **error) {
  g_auto(InstanceInfo) info = {0};
  return instance_info_parse(payload, strlen(payload), &info, error) &&
         instance_info_keep_app(&info, vm->manifest->app_id, error) &&
         work_dir_set_instance_info(vm->work_dir, &info, error);
}

static gboolean take_event(Vm *vm, const char *event, const char *payload, GError **error) {
  if (strcmp(event, "boot.progress") == 0) {
    vm_set_progress(vm, payload, NULL, NULL);
  } else if (strcmp(event, "boot.error") == 0) {
    vm_set_progress(vm, NULL, payload, NULL);
  } else if (strcmp(event, "shutdown.progress") == 0) {
    vm_set_progress(vm, NULL, NULL, payload);
    return strcmp(payload, "powering off") != 0 || vm_note_power_off(vm, error);
  } else if (strcmp(event, "instance.info") == 0) {
    return take_instance_info(vm, payload, error);
  }
  return TRUE;
}

static gboolean on_notify(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                          GError **error) {
  (void)response;
  Vmm *vmm = user_data;
  const HostApi__Notification *notification = (const HostApi__Notification *)request;
  if (strlen(notification->payload) > MAX_PAYLOAD_BYTES || strlen(notification->event) > MAX_EVENT_NAME) {
    log_warn("a guest's notification is too long and dropped");
    return TRUE;
  }
  g_autoptr(Vm) vm = find_caller(vmm, call, error);
  if (!vm)
    return FALSE;
  log_info("vm %s: %.40s: %.*s", vm->manifest->id, notification->event, MAX_LOGGED_BYTES, notification->payload);
  vm_add_event(vm, notification->event, notification->payload, vmm->config->event_buffer_size);
  return take_event(vm, notification->event, notification->payload, error);
}

/* Calls cost the host: a log line, an event, a file. A boot makes about twenty. */
static const RateLimit call_limit = {.per_second = 5, .burst = 100};

gboolean host_api_filter(PrpcHttpRequest *request, gpointer user_data) {
  Vmm *vmm = user_data;
  const PrpcPeer *peer = prpc_http_peer(request);
  g_autoptr(Vm) vm = peer->kind == PRPC_PEER_VSOCK ? vm_table_find_cid(vmm->vms, peer->cid, NULL) : NULL;
  GMutex *lock = vm ? &vm->lock : &vmm->strangers_lock;
  g_mutex_lock(lock);
  gboolean allowed = rate_take(vm ? &vm->calls : &vmm->strangers, &call_limit, g_get_monotonic_time());
  g_mutex_unlock(lock);
  if (!allowed)
    prpc_http_reply(request, 429, "text/plain", "", 0, NULL);
  return allowed;
}

PrpcService *host_api_new(Vmm *vmm) {
  PrpcService *service = prpc_service_new(&host_api__host_api__descriptor, "", vmm);
  prpc_service_handle(service, "Info", on_info);
  prpc_service_handle(service, "Notify", on_notify);
  prpc_service_limit(service, "Info", MAX_REQUEST_BYTES);
  prpc_service_limit(service, "Notify", MAX_REQUEST_BYTES);
  return service;
}
