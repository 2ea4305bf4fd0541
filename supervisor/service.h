/* The supervisor's HTTP interface (spec: supervisor-and-cli A.2). */
#pragma once

#include "supervisor/table.h"

#include "prpc/server.h"

typedef struct {
  ProcessTable *table;
  PrpcServer *server; /* told to stop by /shutdown */
} SupervisorService;

/* Adds every route. The service must outlive the router. */
void supervisor_service_mount(SupervisorService *service, PrpcRouter *router);
