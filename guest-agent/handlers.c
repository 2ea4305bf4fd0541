#include "guest-agent/handlers.h"

#include "guest-agent/info.h"
#include "guest-agent/revision.h"

gboolean handle_version(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                        GError **error) {
  (void)call, (void)request, (void)data, (void)error; /* nothing asked, nothing can fail */
  DstackGuest__WorkerVersion *out = (DstackGuest__WorkerVersion *)response;
  prpc_set_string(&out->version, DSTACK_VERSION);
  prpc_set_string(&out->rev, agent_revision);
  return TRUE;
}

gboolean handle_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                     GError **error) {
  (void)call, (void)request; /* Empty */
  return info_fill(data, FALSE, (DstackGuest__AppInfo *)response, error);
}

gboolean handle_public_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error) {
  (void)call, (void)request; /* Empty */
  return info_fill(data, TRUE, (DstackGuest__AppInfo *)response, error);
}
