#include "ipv4_net.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <string.h>

gboolean ipv4_parse(const char *text, guint32 *address, GError **error) {
  struct in_addr parsed;
  if (inet_pton(AF_INET, text, &parsed) != 1) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid ipv4 address '%s'", text);
    return FALSE;
  }
  *address = ntohl(parsed.s_addr);
  return TRUE;
}

gboolean ipv4_net_parse(const char *text, Ipv4Net *net, GError **error) {
  g_auto(GStrv) parts = g_strsplit(text, "/", 2);
  guint64 prefix = 32;
  if (!parts[0] || !ipv4_parse(parts[0], &net->address, error))
    return FALSE;
  if (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, 32, &prefix, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid network '%s'", text);
    return FALSE;
  }
  net->prefix = (guint8)prefix;
  return TRUE;
}

char *ipv4_print(guint32 address) {
  return g_strdup_printf("%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

static guint32 mask_of(const Ipv4Net *net) { return net->prefix == 0 ? 0 : G_MAXUINT32 << (32 - net->prefix); }

guint32 ipv4_net_first(const Ipv4Net *net) { return net->address & mask_of(net); }
guint32 ipv4_net_broadcast(const Ipv4Net *net) { return net->address | ~mask_of(net); }

gboolean ipv4_net_contains(const Ipv4Net *net, guint32 address) {
  return (address & mask_of(net)) == ipv4_net_first(net);
}

gboolean ipv4_net_within(const Ipv4Net *inner, const Ipv4Net *outer) {
  return inner->prefix >= outer->prefix && ipv4_net_contains(outer, inner->address);
}

static gboolean is_reserved(const Ipv4Plan *plan, guint32 address) {
  for (gsize i = 0; i < plan->n_reserved; i++)
    if (ipv4_net_contains(&plan->reserved[i], address))
      return TRUE;
  return FALSE;
}

gboolean ipv4_plan_check(const Ipv4Plan *plan, GError **error) {
  const char *why = NULL;
  for (gsize i = 0; i < plan->n_reserved && !why; i++)
    if (!ipv4_net_within(&plan->reserved[i], &plan->self))
      why = "core.wg.reserved_net is not within the network of core.wg.ip";
  if (!why && !is_reserved(plan, plan->self.address))
    why = "core.wg.ip is not within core.wg.reserved_net";
  if (!why && !ipv4_net_within(&plan->clients, &plan->self))
    why = "core.wg.client_ip_range is not within the network of core.wg.ip";
  if (why)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", why);
  return why == NULL;
}

gboolean ipv4_plan_valid(const Ipv4Plan *plan, guint32 address) {
  return ipv4_net_contains(&plan->clients, address) && address != ipv4_net_broadcast(&plan->self) &&
         address != plan->self.address && !is_reserved(plan, address);
}

guint32 ipv4_plan_allocate(const Ipv4Plan *plan, gboolean (*taken)(guint32 address, gpointer user_data),
                           gpointer user_data) {
  guint64 first = ipv4_net_first(&plan->clients), last = ipv4_net_broadcast(&plan->clients);
  /* /31 and /32 have neither a network nor a broadcast address. */
  if (plan->clients.prefix < 31)
    first++, last--;
  for (guint64 address = first; address <= last; address++)
    if (ipv4_plan_valid(plan, (guint32)address) && !taken((guint32)address, user_data))
      return (guint32)address;
  return 0;
}
