#include "vmm/vm_info.h"

#include "vmm/duration.h"
#include "vmm/ports.h"
#include "vmm/work_dir.h"

#include "base/file.h"
#include "cvm/host_share.h"
#include "prpc/message.h"

#include <string.h>

#define HTTPS_PORT 443

static char *since(gint64 seconds) {
  gint64 now = g_get_real_time() / G_USEC_PER_SEC;
  return seconds ? duration_text((guint64)MAX(now - seconds, 0)) : g_strdup("never");
}

char *vm_app_url(const VmmConfig *config, Vm *vm, const char *instance_id) {
  if (!vm->compose || !vm->compose->gateway_enabled || !*instance_id)
    return NULL;
  g_autofree char *port = config->gateway_port == HTTPS_PORT ? g_strdup("") : g_strdup_printf(":%u", config->gateway_port);
  return g_strdup_printf("https://%s-%u.%s%s", instance_id, config->agent_port, config->base_domain, port);
}

/* Arrays and messages in protobuf-c use the C library's allocator, which g_malloc is. */
static void fill_urls(char **from, size_t *count, char ***to) {
  *count = from ? g_strv_length(from) : 0;
  *to = g_new0(char *, *count + 1);
  for (gsize i = 0; i < *count; i++)
    (*to)[i] = g_strdup(from[i]);
}

static void fill_ports(const GArray *ports, Vmm__VmConfiguration *out) {
  out->n_ports = ports->len;
  out->ports = g_new0(Vmm__PortMapping *, ports->len + 1);
  for (guint i = 0; i < ports->len; i++) {
    const PortMap *map = &g_array_index(ports, PortMap, i);
    out->ports[i] = (Vmm__PortMapping *)prpc_message_new(&vmm__port_mapping__descriptor);
    prpc_set_string(&out->ports[i]->protocol, port_map_protocol(map));
    prpc_set_string(&out->ports[i]->host_address, map->address);
    out->ports[i]->host_port = map->from;
    out->ports[i]->vm_port = map->to;
  }
}

static void fill_files(Vm *vm, Vmm__VmConfiguration *out) {
  g_autofree char *env_path = work_dir_shared(vm->work_dir, ".encrypted-env");
  g_autofree char *user_path = work_dir_shared(vm->work_dir, ".user-config");
  g_autofree char *compose = work_dir_compose(vm->work_dir, NULL);
  g_autofree char *user_config = file_read_text(user_path, USER_CONFIG_MAX_SIZE, NULL);
  g_autoptr(GBytes) env = file_read(env_path, ENCRYPTED_ENV_MAX_SIZE, NULL);
  prpc_set_string(&out->compose_file, compose ? compose : "");
  prpc_set_string(&out->user_config, user_config ? user_config : "");
  if (env)
    prpc_set_gbytes(&out->encrypted_env, env);
}

static Vmm__VmConfiguration *make_configuration(Vm *vm, gboolean started) {
  const Manifest *manifest = vm->manifest;
  Vmm__VmConfiguration *out = (Vmm__VmConfiguration *)prpc_message_new(&vmm__vm_configuration__descriptor);
  prpc_set_string(&out->name, manifest->name);
  prpc_set_string(&out->image, manifest->image);
  prpc_set_optional_string(&out->base, "app_id", manifest->app_id);
  out->vcpu = manifest->vcpu;
  out->memory = manifest->memory_mb;
  out->disk_size = manifest->disk_gb;
  out->hugepages = manifest->hugepages;
  out->pin_numa = manifest->pin_numa;
  out->stopped = !started;
  fill_ports(manifest->ports, out);
  fill_urls(manifest->kms_urls, &out->n_kms_urls, &out->kms_urls);
  fill_urls(manifest->gateway_urls, &out->n_gateway_urls, &out->gateway_urls);
  fill_files(vm, out);
  out->gpus = (Vmm__GpuConfig *)prpc_message_new(&vmm__gpu_config__descriptor);
  prpc_set_string(&out->gpus->attach_mode, "listed");
  return out;
}

static void fill_events(Vm *vm, Vmm__VmInfo *out) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->lock);
  out->events = g_new0(Vmm__GuestEvent *, g_queue_get_length(&vm->events) + 1);
  for (GList *link = vm->events.head; link; link = link->next) {
    const VmEvent *event = link->data;
    Vmm__GuestEvent *copy = (Vmm__GuestEvent *)prpc_message_new(&vmm__guest_event__descriptor);
    prpc_set_string(&copy->event, event->name);
    prpc_set_string(&copy->body, event->body);
    copy->timestamp = event->timestamp_ms;
    out->events[out->n_events++] = copy;
  }
}

static void fill_instance(const VmmConfig *config, Vm *vm, Vmm__VmInfo *out) {
  g_auto(InstanceInfo) instance = {0};
  if (!work_dir_instance_info(vm->work_dir, &instance, NULL) || !*instance.instance_id)
    return;
  prpc_set_optional_string(&out->base, "instance_id", instance.instance_id);
  g_autofree char *url = vm_app_url(config, vm, instance.instance_id);
  if (url)
    prpc_set_optional_string(&out->base, "app_url", url);
}

Vmm__VmInfo *vm_info_new(Vmm *vmm, Vm *vm, const SupervisedProcess *process, gboolean brief) {
  Vmm__VmInfo *out = (Vmm__VmInfo *)prpc_message_new(&vmm__vm_info__descriptor);
  gboolean started = work_dir_started(vm->work_dir);
  g_auto(VmProgress) progress = vm_progress(vm);
  g_autofree char *uptime = since(process ? process->started_at : 0), *exited = since(process ? process->stopped_at : 0);
  prpc_set_string(&out->id, vm->manifest->id);
  prpc_set_string(&out->name, vm->manifest->name);
  prpc_set_string(&out->app_id, vm->manifest->app_id);
  prpc_set_string(&out->status, vm_status(g_atomic_int_get(&vm->removing), started, process && process->running));
  prpc_set_string(&out->uptime, uptime);
  prpc_set_optional_string(&out->base, "exited_at", exited);
  prpc_set_string(&out->boot_progress, progress.boot_progress);
  prpc_set_string(&out->boot_error, vm->fault ? vm->fault : progress.boot_error);
  prpc_set_string(&out->shutdown_progress, progress.shutdown_progress);
  prpc_set_string(&out->image_version, vm->image ? vm->image->version : "");
  fill_instance(vmm->config, vm, out);
  fill_events(vm, out);
  if (!brief)
    out->configuration = make_configuration(vm, started);
  return out;
}
