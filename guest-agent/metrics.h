/* GET /metrics: the guest's resources in Prometheus' text form, for apps that make them public (spec:
 * prpc-and-agent-api 7.3). */
#pragma once

#include "guest_api.pb-c.h"
#include "prpc/server.h"

void metrics_route(PrpcHttpRequest *request, gpointer agent);
/* Newly allocated. */
char *metrics_text(const GuestApi__SystemInfo *system);
