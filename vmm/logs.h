/* GET /logs: what a VM wrote, on request as it writes (spec: vmm 11). */
#pragma once

#include "vmm/vmm.h"

/* A route; `user_data` is the Vmm. */
void logs_route(PrpcHttpRequest *request, gpointer user_data);
