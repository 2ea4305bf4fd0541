#include "guest-agent/network_info.h"

#include "base/file.h"
#include "base/process.h"
#include "prpc/message.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#define TEXT_MAX_SIZE (256 * 1024)
#define MAX_ROWS 64
#define WIREGUARD_INTERFACE "dstack-wg0"

gboolean network_interface_shown(const char *name) {
  return g_str_equal(name, WIREGUARD_INTERFACE) || g_str_has_prefix(name, "enp") || g_str_has_prefix(name, "eth");
}

static char **take_strings(GPtrArray *strings) {
  g_ptr_array_add(strings, NULL);
  return (char **)g_ptr_array_free(strings, FALSE);
}

char **resolv_conf_servers(const char *text) {
  GPtrArray *servers = g_ptr_array_new();
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i] && servers->len < MAX_ROWS; i++) {
    g_auto(GStrv) words = g_strsplit_set(lines[i], " \t", 3);
    if (g_strv_length(words) >= 2 && g_str_equal(words[0], "nameserver"))
      g_ptr_array_add(servers, g_strdup(words[1]));
  }
  return take_strings(servers);
}

char **route_gateways(const char *text) {
  GPtrArray *gateways = g_ptr_array_new();
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i] && gateways->len < MAX_ROWS; i++) {
    g_auto(GStrv) columns = g_strsplit(lines[i], "\t", 4); /* interface, destination, gateway, the rest */
    if (g_strv_length(columns) < 3 || !g_str_equal(columns[1], "00000000"))
      continue;
    struct in_addr address = {.s_addr = (in_addr_t)g_ascii_strtoull(columns[2], NULL, 16)};
    char dotted[INET_ADDRSTRLEN];
    if (address.s_addr != 0 && inet_ntop(AF_INET, &address, dotted, sizeof dotted))
      g_ptr_array_add(gateways, g_strdup(dotted));
  }
  return take_strings(gateways);
}

static void fill_dns(GuestApi__NetworkInformation *out) {
  g_autofree char *text = file_read_text("/etc/resolv.conf", TEXT_MAX_SIZE, NULL);
  out->dns_servers = resolv_conf_servers(text ? text : "");
  out->n_dns_servers = g_strv_length(out->dns_servers);
}

static void fill_gateways(GuestApi__NetworkInformation *out) {
  g_autofree char *text = file_read_text("/proc/net/route", TEXT_MAX_SIZE, NULL);
  g_auto(GStrv) found = route_gateways(text ? text : "");
  out->n_gateways = g_strv_length(found);
  out->gateways = g_new0(GuestApi__Gateway *, out->n_gateways + 1);
  for (gsize i = 0; i < out->n_gateways; i++) {
    out->gateways[i] = (GuestApi__Gateway *)prpc_message_new(&guest_api__gateway__descriptor);
    prpc_set_string(&out->gateways[i]->address, found[i]);
  }
}

static guint64 counter(const char *interface, const char *name) {
  g_autofree char *path = g_strdup_printf("/sys/class/net/%s/statistics/%s", interface, name);
  g_autofree char *text = file_read_text(path, TEXT_MAX_SIZE, NULL);
  return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static guint32 prefix_length(const struct sockaddr *mask) {
  const guint8 *bytes = mask->sa_family == AF_INET ? (const guint8 *)&((const struct sockaddr_in *)mask)->sin_addr
                                                   : (const guint8 *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
  gsize len = mask->sa_family == AF_INET ? 4 : 16;
  guint32 bits = 0;
  for (gsize i = 0; i < len; i++)
    bits += (guint32)__builtin_popcount(bytes[i]);
  return bits;
}

static GuestApi__IpAddress *ip_address(const struct ifaddrs *entry) {
  char text[INET6_ADDRSTRLEN];
  int family = entry->ifa_addr->sa_family;
  const void *raw = family == AF_INET ? (const void *)&((const struct sockaddr_in *)entry->ifa_addr)->sin_addr
                                      : (const void *)&((const struct sockaddr_in6 *)entry->ifa_addr)->sin6_addr;
  if (!inet_ntop(family, raw, text, sizeof text))
    return NULL;
  GuestApi__IpAddress *address = (GuestApi__IpAddress *)prpc_message_new(&guest_api__ip_address__descriptor);
  prpc_set_string(&address->address, text);
  address->prefix = entry->ifa_netmask ? prefix_length(entry->ifa_netmask) : 0;
  return address;
}

static void add_addresses(GuestApi__Interface *interface, const struct ifaddrs *all) {
  g_autoptr(GPtrArray) addresses = g_ptr_array_new();
  for (const struct ifaddrs *entry = all; entry && addresses->len < MAX_ROWS; entry = entry->ifa_next) {
    if (!g_str_equal(entry->ifa_name, interface->name) || !entry->ifa_addr ||
        (entry->ifa_addr->sa_family != AF_INET && entry->ifa_addr->sa_family != AF_INET6))
      continue;
    GuestApi__IpAddress *address = ip_address(entry);
    if (address)
      g_ptr_array_add(addresses, address);
  }
  interface->n_addresses = addresses->len;
  g_ptr_array_add(addresses, NULL);
  interface->addresses = (GuestApi__IpAddress **)g_ptr_array_free(g_steal_pointer(&addresses), FALSE);
}

static GuestApi__Interface *interface_info(const char *name, const struct ifaddrs *addresses) {
  GuestApi__Interface *interface = (GuestApi__Interface *)prpc_message_new(&guest_api__interface__descriptor);
  prpc_set_string(&interface->name, name);
  add_addresses(interface, addresses);
  interface->rx_bytes = counter(name, "rx_bytes");
  interface->tx_bytes = counter(name, "tx_bytes");
  interface->rx_errors = counter(name, "rx_errors");
  interface->tx_errors = counter(name, "tx_errors");
  return interface;
}

static void fill_interfaces(GuestApi__NetworkInformation *out) {
  struct if_nameindex *names = if_nameindex();
  struct ifaddrs *addresses = NULL;
  if (getifaddrs(&addresses) != 0)
    addresses = NULL;
  g_autoptr(GPtrArray) interfaces = g_ptr_array_new();
  for (guint i = 0; names && names[i].if_name && interfaces->len < MAX_ROWS; i++)
    if (network_interface_shown(names[i].if_name))
      g_ptr_array_add(interfaces, interface_info(names[i].if_name, addresses));
  if (names)
    if_freenameindex(names);
  freeifaddrs(addresses);
  out->n_interfaces = interfaces->len;
  g_ptr_array_add(interfaces, NULL);
  out->interfaces = (GuestApi__Interface **)g_ptr_array_free(g_steal_pointer(&interfaces), FALSE);
}

static void fill_wireguard(GuestApi__NetworkInformation *out) {
  const char *const argv[] = {"wg", NULL};
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  gboolean shown = process_check(argv, &text, &error);
  prpc_set_string(&out->wg_info, shown ? text : error->message);
}

void network_info_fill(GuestApi__NetworkInformation *out) {
  fill_dns(out);
  fill_gateways(out);
  fill_interfaces(out);
  fill_wireguard(out);
}
