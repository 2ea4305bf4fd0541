/* Which host ports a VM may take (spec: vmm 4.2 CreateVm 3, 8). */
#pragma once

#include "vmm/config.h"

#include <glib.h>

typedef struct {
  char *address; /* of the host, valid IP text */
  gboolean udp;
  guint16 from, to; /* host port, guest port */
} PortMap;

void port_map_clear(PortMap *map);
/* An array of PortMap that clears its elements. */
GArray *port_maps_new(void);
const char *port_map_protocol(const PortMap *map);

/* Checks one mapping against the policy and appends it. Errors: DENIED (not allowed), INVALID. */
gboolean port_maps_add(GArray *maps, const VmmConfig *config, const char *protocol, guint host_port, guint vm_port,
                       const char *host_address, GError **error);
/* Two mappings clash when protocol and host port are the same and the addresses are equal or one means every address.
 * Error EXISTS names the port and `owner`. `a` and `b` may be the same array. */
gboolean port_maps_check_clash(const GArray *a, const GArray *b, const char *owner, GError **error);
