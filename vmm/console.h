/* GET /: a plain page with the VMs of this node. */
#pragma once

#include "vmm/vmm.h"

/* A route; `user_data` is the Vmm. */
void console_route(PrpcHttpRequest *request, gpointer user_data);
