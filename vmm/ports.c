#include "vmm/ports.h"

#include "vmm/address.h"

#include "base/error.h"

#include <string.h>

void port_map_clear(PortMap *map) { g_clear_pointer(&map->address, g_free); }

GArray *port_maps_new(void) {
  GArray *maps = g_array_new(FALSE, TRUE, sizeof(PortMap));
  g_array_set_clear_func(maps, (GDestroyNotify)port_map_clear);
  return maps;
}

const char *port_map_protocol(const PortMap *map) { return map->udp ? "udp" : "tcp"; }

static gboolean allowed(const VmmConfig *config, gboolean udp, guint port) {
  for (guint i = 0; config->port_mapping && i < config->port_ranges->len; i++) {
    const PortRange *range = &g_array_index(config->port_ranges, PortRange, i);
    if (range->udp == udp && port >= range->from && port <= range->to)
      return TRUE;
  }
  return FALSE;
}

gboolean port_maps_add(GArray *maps, const VmmConfig *config, const char *protocol, guint host_port, guint vm_port,
                       const char *host_address, GError **error) {
  const char *address = *host_address ? host_address : config->port_address;
  gboolean udp = strcmp(protocol, "udp") == 0;
  IpAddress parsed;
  if (!udp && strcmp(protocol, "tcp") != 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid protocol '%.16s': expected tcp or udp", protocol);
  else if (host_port < 1 || host_port > G_MAXUINT16 || vm_port < 1 || vm_port > G_MAXUINT16)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid port mapping %u to %u: ports are 1 to 65535", host_port,
                vm_port);
  else if (!allowed(config, udp, host_port))
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "port mapping is not allowed for %s:%u", protocol, host_port);
  else if (!ip_parse(address, &parsed))
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid host address '%.64s'", address);
  else {
    PortMap map = {g_strdup(address), udp, (guint16)host_port, (guint16)vm_port};
    g_array_append_val(maps, map);
    return TRUE;
  }
  return FALSE;
}

static gboolean clash(const PortMap *a, const PortMap *b) {
  IpAddress first, second;
  if (a->udp != b->udp || a->from != b->from || !ip_parse(a->address, &first) || !ip_parse(b->address, &second))
    return FALSE;
  return ip_equal(&first, &second) || ip_is_unspecified(&first) || ip_is_unspecified(&second);
}

gboolean port_maps_check_clash(const GArray *a, const GArray *b, const char *owner, GError **error) {
  for (guint i = 0; i < a->len; i++)
    for (guint j = a == b ? i + 1 : 0; j < b->len; j++) {
      const PortMap *map = &g_array_index(a, PortMap, i);
      if (!clash(map, &g_array_index(b, PortMap, j)))
        continue;
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "host port %s:%s:%u is taken by %s", port_map_protocol(map),
                  map->address, map->from, owner);
      return FALSE;
    }
  return TRUE;
}
