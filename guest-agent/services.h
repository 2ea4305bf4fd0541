/* The agent's services, each with a dispatch table of its own, so that no listener reaches another's methods. Handlers
 * are thin: decode, check, call, encode. */
#pragma once

#include "guest-agent/agent.h"
#include "prpc/server.h"

/* DstackGuest, as apps see it on dstack.sock. */
PrpcService *dstack_service_new(Agent *agent);
/* Info alone under /prpc of dstack.sock: the JavaScript SDK's liveness probe asks there. */
PrpcService *dstack_probe_service_new(Agent *agent);
/* The legacy service of tappd.sock. */
PrpcService *tappd_service_new(Agent *agent);
/* What anyone may ask on port 8090. */
PrpcService *worker_service_new(Agent *agent);
/* What the host may ask over vsock. */
PrpcService *guest_api_service_new(Agent *agent);
