/* IP addresses in text (never names: nothing here asks a resolver). */
#pragma once

#include <glib.h>

typedef struct {
  int family; /* AF_INET or AF_INET6 */
  guint8 bytes[16];
} IpAddress;

gboolean ip_parse(const char *text, IpAddress *out);
gboolean ip_equal(const IpAddress *a, const IpAddress *b);
/* 0.0.0.0 or :: */
gboolean ip_is_unspecified(const IpAddress *address);
gboolean ip_is_loopback(const IpAddress *address);

/* The VMM's `address` and `port` keys in the form prpc_server_listen() takes: "unix:PATH", "IP:PORT" or "[IPv6]:PORT".
 * `port` (0: none) wins over the one inside the address; without either it is 8000. NULL when it is no address. */
char *listen_address(const char *address, guint port);
/* TRUE when only this machine can reach such an address. */
gboolean listen_address_is_local(const char *address);
