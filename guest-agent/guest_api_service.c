#include "guest-agent/containers.h"
#include "guest-agent/info.h"
#include "guest-agent/network_info.h"
#include "guest-agent/power.h"
#include "guest-agent/services.h"
#include "guest-agent/system_info.h"

#include "base/error.h"
#include "base/log.h"

#include <linux/vm_sockets.h>

/* The listener takes any CID, and vsock loopback would let a container power the CVM off. */
static gboolean authorize(PrpcCall *call, GError **error) {
  const PrpcPeer *peer = prpc_call_peer(call);
  if (peer->kind == PRPC_PEER_UNIX || (peer->kind == PRPC_PEER_VSOCK && peer->cid == VMADDR_CID_HOST))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "only the host may call the guest api");
  return FALSE;
}

static gboolean info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                     GError **error) {
  (void)request; /* Empty */
  g_autoptr(PrpcMessage) message = prpc_message_new(&dstack_guest__app_info__descriptor);
  DstackGuest__AppInfo *app = (DstackGuest__AppInfo *)message;
  if (!authorize(call, error) || !info_fill(data, TRUE, app, error))
    return FALSE;
  GuestApi__GuestInfo *out = (GuestApi__GuestInfo *)response;
  prpc_set_string(&out->version, DSTACK_VERSION);
  prpc_set_bytes(&out->app_id, app->app_id.data, app->app_id.len);
  prpc_set_bytes(&out->instance_id, app->instance_id.data, app->instance_id.len);
  prpc_set_string(&out->app_cert, app->app_cert);
  prpc_set_string(&out->tcb_info, app->tcb_info);
  prpc_set_bytes(&out->device_id, app->device_id.data, app->device_id.len);
  return TRUE;
}

static gboolean system_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error) {
  (void)request; /* Empty */
  if (!authorize(call, error))
    return FALSE;
  system_info_fill(((Agent *)data)->data_disks, (GuestApi__SystemInfo *)response);
  return TRUE;
}

static gboolean network_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                             GError **error) {
  (void)request, (void)data; /* Empty */
  if (!authorize(call, error))
    return FALSE;
  network_info_fill((GuestApi__NetworkInformation *)response);
  return TRUE;
}

static gboolean list_containers(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                gpointer data, GError **error) {
  (void)request, (void)data; /* Empty */
  return authorize(call, error) && containers_list((GuestApi__ListContainersResponse *)response, error);
}

static gboolean power_off(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                          GError **error) {
  (void)request, (void)response; /* Empty */
  Agent *agent = data;
  if (!authorize(call, error))
    return FALSE;
  if (!agent->may_power_off) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "a simulator does not power its machine off");
    return FALSE;
  }
  log_warn("the host asked to shut down");
  power_off_in_background(agent->sys_config_file);
  return TRUE;
}

PrpcService *guest_api_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&guest_api__guest_api__descriptor, "", agent);
  prpc_service_handle(service, "Info", info);
  prpc_service_handle(service, "SysInfo", system_info);
  prpc_service_handle(service, "NetworkInfo", network_info);
  prpc_service_handle(service, "ListContainers", list_containers);
  prpc_service_handle(service, "Shutdown", power_off);
  return service;
}
