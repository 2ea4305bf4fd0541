#include "vmm/manifest.h"

#include "vmm/address.h"
#include "vmm/names.h"
#include "vmm/ports.h"

#include "base/error.h"

#include <string.h>

#define WHAT "manifest"

Manifest *manifest_new(void) {
  Manifest *manifest = g_new0(Manifest, 1);
  manifest->ports = port_maps_new();
  return manifest;
}

void manifest_free(Manifest *manifest) {
  if (!manifest)
    return;
  g_free(manifest->id);
  g_free(manifest->name);
  g_free(manifest->app_id);
  g_free(manifest->image);
  g_array_unref(manifest->ports);
  g_strfreev(manifest->kms_urls);
  g_strfreev(manifest->gateway_urls);
  json_decref(manifest->gpus);
  g_free(manifest);
}

static gboolean take_port(const json_t *item, GArray *ports, GError **error) {
  guint64 from, to;
  const char *address = json_get_string(item, "address", "port_map", error);
  const char *protocol = address ? json_get_string(item, "protocol", "port_map", error) : NULL;
  if (!protocol || !json_get_uint(item, "from", G_MAXUINT16, &from, "port_map", error) ||
      !json_get_uint(item, "to", G_MAXUINT16, &to, "port_map", error))
    return FALSE;
  IpAddress parsed;
  gboolean udp = strcmp(protocol, "udp") == 0;
  if (!ip_parse(address, &parsed) || (!udp && strcmp(protocol, "tcp") != 0)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "port_map: expected an IP address and tcp or udp");
    return FALSE;
  }
  PortMap map = {g_strdup(address), udp, (guint16)from, (guint16)to};
  g_array_append_val(ports, map);
  return TRUE;
}

static gboolean take_ports(const json_t *object, GArray *ports, GError **error) {
  size_t index;
  json_t *item;
  json_array_foreach(json_object_get(object, "port_map"), index, item) if (!take_port(item, ports, error)) return FALSE;
  return TRUE;
}

static gboolean take_names(const json_t *object, Manifest *manifest, GError **error) {
  manifest->id = g_strdup(json_get_string(object, "id", WHAT, error));
  if (!manifest->id || !name_check_vm_id(manifest->id, error))
    return FALSE;
  manifest->name = g_strdup(json_get_string(object, "name", WHAT, error));
  if (!manifest->name)
    return FALSE;
  manifest->app_id = g_strdup(json_get_string(object, "app_id", WHAT, error));
  if (!manifest->app_id)
    return FALSE;
  manifest->image = g_strdup(json_get_string(object, "image", WHAT, error));
  return manifest->image && name_check_image(manifest->image, error);
}

static gboolean take_sizes(const json_t *object, Manifest *manifest, GError **error) {
  guint64 vcpu, memory, disk;
  if (!json_get_uint(object, "vcpu", G_MAXUINT32, &vcpu, WHAT, error) ||
      !json_get_uint(object, "memory", G_MAXUINT32, &memory, WHAT, error) ||
      !json_get_uint(object, "disk_size", G_MAXUINT32, &disk, WHAT, error) ||
      !json_get_uint_or(object, "created_at_ms", 0, G_MAXINT64, &manifest->created_at_ms, WHAT, error) ||
      !json_get_bool_or(object, "hugepages", FALSE, &manifest->hugepages, WHAT, error) ||
      !json_get_bool_or(object, "pin_numa", FALSE, &manifest->pin_numa, WHAT, error))
    return FALSE;
  manifest->vcpu = (guint32)vcpu;
  manifest->memory_mb = (guint32)memory;
  manifest->disk_gb = (guint32)disk;
  return TRUE;
}

Manifest *manifest_parse(const json_t *object, GError **error) {
  if (!json_require_object(object, WHAT, error))
    return NULL;
  g_autoptr(Manifest) manifest = manifest_new();
  if (!take_names(object, manifest, error) || !take_sizes(object, manifest, error) ||
      !take_ports(object, manifest->ports, error) ||
      !(manifest->kms_urls = json_get_strings_or_empty(object, "kms_urls", WHAT, error)) ||
      !(manifest->gateway_urls = json_get_strings_or_empty(object, "gateway_urls", WHAT, error)))
    return NULL;
  json_t *gpus = json_object_get(object, "gpus");
  manifest->gpus = json_is_object(gpus) ? json_incref(gpus) : NULL;
  return g_steal_pointer(&manifest);
}

static json_t *strings_to_json(char **strings) {
  json_t *array = json_array();
  for (guint i = 0; strings && strings[i]; i++)
    json_array_append_new(array, json_string(strings[i]));
  return array;
}

static json_t *ports_to_json(const GArray *ports) {
  json_t *array = json_array();
  for (guint i = 0; i < ports->len; i++) {
    const PortMap *map = &g_array_index(ports, PortMap, i);
    json_array_append_new(array, json_pack("{s:s, s:s, s:i, s:i}", "address", map->address, "protocol",
                                           port_map_protocol(map), "from", map->from, "to", map->to));
  }
  return array;
}

json_t *manifest_to_json(const Manifest *manifest) {
  json_t *gpus = manifest->gpus ? json_incref(manifest->gpus)
                                : json_pack("{s:s, s:[], s:[]}", "attach_mode", "listed", "gpus", "bridges");
  return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:I, s:b, s:b, s:o, s:o, s:o}", "id", manifest->id, "name",
                   manifest->name, "app_id", manifest->app_id, "vcpu", (json_int_t)manifest->vcpu, "memory",
                   (json_int_t)manifest->memory_mb, "disk_size", (json_int_t)manifest->disk_gb, "image", manifest->image,
                   "port_map", ports_to_json(manifest->ports), "created_at_ms", (json_int_t)manifest->created_at_ms,
                   "hugepages", manifest->hugepages, "pin_numa", manifest->pin_numa, "gpus", gpus, "kms_urls",
                   strings_to_json(manifest->kms_urls), "gateway_urls", strings_to_json(manifest->gateway_urls));
}
