#include "guest-agent/handlers.h"
#include "guest-agent/services.h"
#include "guest-agent/signing_quote.h"

#include "guest_agent.pb-c.h"

static gboolean get_attestation(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                gpointer data, GError **error) {
  (void)call;
  const DstackGuest__GetAttestationForAppKeyRequest *args = (const DstackGuest__GetAttestationForAppKeyRequest *)request;
  return signing_quote_respond(data, args->algorithm, (DstackGuest__GetQuoteResponse *)response, error);
}

PrpcService *worker_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__worker__descriptor, "Worker.", agent);
  prpc_service_handle(service, "Info", handle_public_info);
  prpc_service_handle(service, "Version", handle_version);
  prpc_service_quick(service, "Version");
  prpc_service_handle(service, "GetAttestationForAppKey", get_attestation);
  return service;
}
