/* The RPC services of the management listener (spec: vmm 4.2, 4.3). */
#pragma once

#include "vmm/vmm.h"

/* Mounted at /prpc. Owned by the router it is given to. */
PrpcService *vmm_service_new(Vmm *vmm);
/* Mounted at /guest: calls that are passed on to a guest. */
PrpcService *guest_proxy_new(Vmm *vmm);
/* What guests call, mounted at /api of their own listeners (spec: vmm 12). */
PrpcService *host_api_new(Vmm *vmm);
/* The filter of those listeners: bounds how often each guest calls. `user_data` is the Vmm. */
gboolean host_api_filter(PrpcHttpRequest *request, gpointer user_data);
