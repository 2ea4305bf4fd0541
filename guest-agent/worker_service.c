#include "guest-agent/handlers.h"
#include "guest-agent/services.h"

#include "guest_agent.pb-c.h"

PrpcService *worker_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__worker__descriptor, "Worker.", agent);
  prpc_service_handle(service, "Info", handle_public_info);
  prpc_service_handle(service, "Version", handle_version);
  return service;
}
