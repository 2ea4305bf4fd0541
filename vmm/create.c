#include "vmm/create.h"

#include "vmm/app_compose.h"
#include "vmm/lifecycle.h"
#include "vmm/load.h"
#include "vmm/names.h"
#include "vmm/plan.h"
#include "vmm/ports.h"
#include "vmm/work_dir.h"

#include "base/error.h"
#include "base/log.h"
#include "cvm/host_share.h"
#include "cvm/sys_config.h"
#include "prpc/message.h"

#include <string.h>

#define MAX_VCPU 4096
#define MAX_MEMORY_MB (64u * 1024 * 1024)
#define MAX_DISK_GB (1024u * 1024)
#define MAX_PORTS 256

static gboolean check_size(const char *name, guint32 value, guint32 most, GError **error) {
  if (value >= 1 && value <= most)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid %s %u: expected 1 to %u", name, value, most);
  return FALSE;
}

static gboolean check_length(const char *name, gsize len, gsize most, GError **error) {
  if (len <= most)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "%s: %zu bytes, but the guest reads at most %zu", name, len, most);
  return FALSE;
}

static gboolean check_count(const char *name, gsize count, gsize most, GError **error) {
  if (count <= most)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "%zu %s, but at most %zu are possible", count, name, most);
  return FALSE;
}

static gboolean take_ports(const VmmConfig *config, const Vmm__VmConfiguration *request, GArray *ports, GError **error) {
  if (request->n_ports > 0 && !config->port_mapping) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "port mapping is disabled");
    return FALSE;
  }
  if (!check_count("port mappings", request->n_ports, MAX_PORTS, error))
    return FALSE;
  for (gsize i = 0; i < request->n_ports; i++) {
    const Vmm__PortMapping *port = request->ports[i];
    if (!port_maps_add(ports, config, port->protocol, port->host_port, port->vm_port, port->host_address, error))
      return FALSE;
  }
  return port_maps_check_clash(ports, ports, "another mapping of this vm", error);
}

static gboolean check_gpus(const VmmConfig *config, const Vmm__VmConfiguration *request, GError **error) {
  const Vmm__GpuConfig *gpus = request->gpus;
  if (!gpus || (gpus->n_gpus == 0 && strcmp(gpus->attach_mode, "all") != 0))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, config->gpu ? DSTACK_ERROR_NOT_IMPLEMENTED : DSTACK_ERROR_DENIED,
              config->gpu ? "not implemented yet: gpus" : "gpus are disabled");
  return FALSE;
}

static gboolean is_node_default(const VmmConfig *config, const Vmm__NetworkingConfig *network) {
  gboolean same = !*network->mode || (strcmp(network->mode, "user") == 0 && config->network == NETWORK_USER);
  return same && !*network->bridge_name;
}

static gboolean asks_for_network(const VmmConfig *config, const Vmm__VmConfiguration *request) {
  const Vmm__NetworkingConfig *single = request->networking;
  return (single && !is_node_default(config, single)) || request->n_networks > 1 ||
         (request->n_networks == 1 && !is_node_default(config, request->networks[0]));
}

static gboolean asks_for_simulation(const VmmConfig *config, const Vmm__VmConfiguration *request) {
  if (!prpc_has_optional(&request->base, "simulated_tee") || !*request->simulated_tee)
    return FALSE;
  return strcmp(request->simulated_tee, "dstack-tdx") != 0 || !vmm_simulates_tee(config);
}

/* Ignoring what was asked for would be worse than refusing it. */
static gboolean check_unsupported(const VmmConfig *config, const Vmm__VmConfiguration *request, GError **error) {
  const char *field = request->no_tee                        ? "no_tee"
                      : asks_for_simulation(config, request) ? "simulated_tee other than what this host does by itself"
                      : asks_for_network(config, request)    ? "networks other than the node's"
                                                             : NULL;
  if (field)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "not implemented yet: %s", field);
  return !field;
}

static char *choose_app_id(const Vmm__VmConfiguration *request, GError **error) {
  gboolean given = request->_app_id_case == VMM__VM_CONFIGURATION___APP_ID_APP_ID && *request->app_id;
  return given ? name_normalize_app_id(request->app_id, error) : vmm_compose_default_app_id(request->compose_file);
}

static char **copy_urls(char **urls, gsize count) {
  char **copy = g_new0(char *, count + 1);
  for (gsize i = 0; i < count; i++)
    copy[i] = g_strdup(urls[i]);
  return copy;
}

static gboolean check_scalars(const Vmm__VmConfiguration *request, GError **error) {
  return check_size("vcpu", request->vcpu, MAX_VCPU, error) &&
         check_size("memory (MB)", request->memory, MAX_MEMORY_MB, error) &&
         check_size("disk_size (GB)", request->disk_size, MAX_DISK_GB, error) &&
         check_length("encrypted_env", request->encrypted_env.len, ENCRYPTED_ENV_MAX_SIZE, error) &&
         check_length("user_config", strlen(request->user_config), USER_CONFIG_MAX_SIZE, error) &&
         check_count("kms urls", request->n_kms_urls, SYS_CONFIG_MAX_URLS, error) &&
         check_count("gateway urls", request->n_gateway_urls, SYS_CONFIG_MAX_URLS, error);
}

gboolean vm_create_check_compose(const Vmm__VmConfiguration *request, GError **error) {
  if (!name_check_app(request->name, error))
    return FALSE;
  g_autoptr(AppCompose) compose = vmm_compose_parse(request->compose_file, error);
  return compose != NULL;
}

/* The order of the checks is the spec's: the first failure is the one to be told. */
static Manifest *make_manifest(const VmmConfig *config, const Vmm__VmConfiguration *request, GError **error) {
  g_autoptr(Manifest) manifest = manifest_new();
  if (!name_check_app(request->name, error) || !take_ports(config, request, manifest->ports, error) ||
      !(manifest->app_id = choose_app_id(request, error)) || !check_gpus(config, request, error) ||
      !check_unsupported(config, request, error) ||
      !check_scalars(request, error) || !vm_create_check_compose(request, error))
    return NULL;
  g_autoptr(VmmImage) image = vmm_image_load(config->image_path, request->image, error);
  if (!image)
    return NULL;
  manifest->id = g_uuid_string_random();
  manifest->name = g_strdup(request->name);
  manifest->image = g_strdup(request->image);
  manifest->vcpu = request->vcpu;
  manifest->memory_mb = request->memory;
  manifest->disk_gb = request->disk_size;
  manifest->hugepages = request->hugepages;
  manifest->pin_numa = request->pin_numa;
  manifest->kms_urls = copy_urls(request->kms_urls, request->n_kms_urls);
  manifest->gateway_urls = copy_urls(request->gateway_urls, request->n_gateway_urls);
  manifest->created_at_ms = (guint64)(g_get_real_time() / 1000);
  return g_steal_pointer(&manifest);
}

static gboolean check_ports_free(Vmm *vmm, const Manifest *manifest, GError **error) {
  g_autoptr(GPtrArray) vms = vm_table_list(vmm->vms);
  for (guint i = 0; i < vms->len; i++) {
    const Manifest *other = ((Vm *)vms->pdata[i])->manifest;
    g_autofree char *owner = g_strdup_printf("vm %s (%s)", other->name, other->id);
    if (!port_maps_check_clash(manifest->ports, other->ports, owner, error))
      return FALSE;
  }
  return TRUE;
}

static Vm *make_vm(Vmm *vmm, const Manifest *manifest, const SharedFiles *shared, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vmm->create_lock);
  if (!check_ports_free(vmm, manifest, error) || !work_dir_create(vmm->config->run_path, manifest, shared, error))
    return NULL;
  Vm *vm = vm_load(vmm, manifest->id, error);
  if (!vm) {
    g_autofree char *dir = work_dir_file(vmm->config->run_path, manifest->id);
    (void)work_dir_remove(dir, NULL); /* the first error is the one to tell */
  }
  return vm;
}

static void discard(Vmm *vmm, Vm *vm) {
  g_autoptr(GError) error = NULL;
  if (!vm_discard(vmm, vm, &error))
    log_warn("vm %s could not be created and not be removed yet: %s", vm->manifest->id, error->message);
}

char *vm_create(Vmm *vmm, const Vmm__VmConfiguration *request, GError **error) {
  g_autoptr(Manifest) manifest = make_manifest(vmm->config, request, error);
  if (!manifest)
    return NULL;
  const SharedFiles shared = {request->compose_file, request->encrypted_env.data, request->encrypted_env.len,
                              request->user_config};
  g_autoptr(Vm) vm = make_vm(vmm, manifest, &shared, error);
  if (!vm)
    return NULL;
  if (!request->stopped && !vm_start(vmm, vm, error)) {
    discard(vmm, vm);
    return NULL;
  }
  log_info("created vm %s (%s) with cid %u", manifest->id, manifest->name, vm->cid);
  return g_strdup(manifest->id);
}
