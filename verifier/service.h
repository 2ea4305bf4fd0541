/* The verifier's HTTP interface: POST /verify, GET /health (spec: attestation E.2). */
#pragma once

#include "prpc/server.h"
#include "verification.h"

/* `context` must outlive the router. */
PrpcRouter *verifier_router_new(VerificationContext *context);
