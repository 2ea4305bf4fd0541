/* IPv4 networks and the allocation of client addresses (spec: gateway 6.4). Addresses are host-order integers. */
#pragma once

#include <glib.h>

typedef struct {
  guint32 address; /* as written, host bits included */
  guint8 prefix;
} Ipv4Net;

gboolean ipv4_parse(const char *text, guint32 *address, GError **error);
/* "10.0.0.1/24"; a bare address means /32. */
gboolean ipv4_net_parse(const char *text, Ipv4Net *net, GError **error);
/* Newly allocated dotted text. */
char *ipv4_print(guint32 address);

guint32 ipv4_net_first(const Ipv4Net *net);
guint32 ipv4_net_broadcast(const Ipv4Net *net);
gboolean ipv4_net_contains(const Ipv4Net *net, guint32 address);
gboolean ipv4_net_within(const Ipv4Net *inner, const Ipv4Net *outer);

typedef struct {
  Ipv4Net self;      /* wg.ip */
  Ipv4Net *reserved; /* wg.reserved_net */
  gsize n_reserved;
  Ipv4Net clients;   /* wg.client_ip_range */
} Ipv4Plan;

/* The three checks at start, in the spec's order. Error INVALID. */
gboolean ipv4_plan_check(const Ipv4Plan *plan, GError **error);
/* TRUE when the address may belong to a client: in the client range, not reserved, not the gateway's own. */
gboolean ipv4_plan_valid(const Ipv4Plan *plan, guint32 address);
/* The lowest valid host address of the client range for which taken() is FALSE; 0 when there is none. */
guint32 ipv4_plan_allocate(const Ipv4Plan *plan, gboolean (*taken)(guint32 address, gpointer user_data),
                           gpointer user_data);
