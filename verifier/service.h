/* The verifier's HTTP interface: POST /verify, GET /health, GET /metrics (spec: attestation E.2). */
#pragma once

#include "metrics.h"
#include "prpc/server.h"
#include "verification.h"

typedef struct {
  const VerificationContext *verification;
  ImageStore *images;
  VerifierMetrics metrics;
} VerifierService;

/* `service` must outlive the router. */
PrpcRouter *verifier_router_new(VerifierService *service);
