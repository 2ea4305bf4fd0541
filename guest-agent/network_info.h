/* What the host may know about the guest's network (spec: prpc-and-agent-api 8, NetworkInfo). */
#pragma once

#include "guest_api.pb-c.h"

#include <glib.h>

/* Fills the answer; what can't be read stays empty. Docker's bridges are withheld on purpose. */
void network_info_fill(GuestApi__NetworkInformation *out);

/* "dstack-wg0", "enp*" and "eth*". */
gboolean network_interface_shown(const char *name);
/* The name servers of a resolv.conf text. */
char **resolv_conf_servers(const char *text);
/* The default gateways of a /proc/net/route text, dotted. */
char **route_gateways(const char *text);
