/* Port mappings on the command line (spec: supervisor-and-cli B.4, D). */
#pragma once

#include <glib.h>

typedef struct {
  char *address; /* of the host */
  gboolean udp;
  guint16 host_port, vm_port;
} PortSpec;

void port_spec_clear(PortSpec *spec);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PortSpec, port_spec_clear)

/* "HOST:VM", "PROTO:HOST:VM" or "PROTO:ADDRESS:HOST:VM"; an IPv6 address stands in brackets. Without an address 127.0.0.1,
 * without a protocol tcp. Error INVALID. */
gboolean port_spec_parse(const char *text, PortSpec *out, GError **error);
