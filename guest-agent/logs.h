/* GET /logs/<container>: what a container wrote, for apps that make their logs public (spec: prpc-and-agent-api 7.2).
 */
#pragma once

#include "prpc/server.h"

#define LOGS_PATH "/logs/"

/* A route for LOGS_PATH and an asterisk. */
void logs_route(PrpcHttpRequest *request, gpointer agent);
