#include "vmm/service.h"

#include "vmm/adopt.h"
#include "vmm/app_compose.h"
#include "vmm/create.h"
#include "vmm/guest_client.h"
#include "vmm/kms_proxy.h"
#include "vmm/lifecycle.h"
#include "vmm/version.h"
#include "vmm/vm_info.h"

#include "base/error.h"
#include "prpc/message.h"

#include <string.h>

#define HANDLER(name)                                                                                                  \
  static gboolean name(PrpcCall *call G_GNUC_UNUSED, const ProtobufCMessage *request G_GNUC_UNUSED,                    \
                       ProtobufCMessage *response G_GNUC_UNUSED, gpointer user_data G_GNUC_UNUSED,                   \
                       GError **error G_GNUC_UNUSED)

static Vm *find_requested(Vmm *vmm, const ProtobufCMessage *request, GError **error) {
  return vm_table_find(vmm->vms, ((const Vmm__Id *)request)->id, error);
}

HANDLER(on_create) {
  g_autofree char *id = vm_create(user_data, (const Vmm__VmConfiguration *)request, error);
  if (id)
    prpc_set_string(&((Vmm__Id *)response)->id, id);
  return id != NULL;
}

HANDLER(on_start) {
  g_autoptr(Vm) vm = find_requested(user_data, request, error);
  return vm && vm_start(user_data, vm, error);
}

HANDLER(on_stop) {
  g_autoptr(Vm) vm = find_requested(user_data, request, error);
  return vm && vm_stop(user_data, vm, error);
}

HANDLER(on_remove) {
  g_autoptr(Vm) vm = find_requested(user_data, request, error);
  return vm && vm_remove(user_data, vm, error);
}

HANDLER(on_shutdown) {
  g_autoptr(Vm) vm = find_requested(user_data, request, error);
  return vm && guest_client_shutdown(user_data, vm, error);
}

HANDLER(on_compose_hash) {
  const Vmm__VmConfiguration *configuration = (const Vmm__VmConfiguration *)request;
  if (!vm_create_check_compose(configuration, error))
    return FALSE;
  g_autofree char *hash = vmm_compose_hash(configuration->compose_file);
  prpc_set_string(&((Vmm__ComposeHash *)response)->hash, hash);
  return TRUE;
}

/* ---- status ---- */

static gboolean wanted(const Vmm__StatusRequest *request, Vm *vm) {
  const Manifest *manifest = vm->manifest;
  gboolean named = request->n_ids == 0;
  for (gsize i = 0; i < request->n_ids && !named; i++)
    named = strcmp(request->ids[i], manifest->id) == 0;
  const char *keyword = request->keyword;
  return named && (!*keyword || strstr(manifest->name, keyword) || strstr(manifest->id, keyword) ||
                   strstr(manifest->app_id, keyword) || strstr(manifest->image, keyword));
}

HANDLER(on_status) {
  Vmm *vmm = user_data;
  const Vmm__StatusRequest *query = (const Vmm__StatusRequest *)request;
  Vmm__StatusResponse *answer = (Vmm__StatusResponse *)response;
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, error);
  if (!processes)
    return FALSE;
  g_autoptr(GPtrArray) vms = vm_table_list(vmm->vms);
  gboolean paged = query->page && query->page_size;
  guint64 first = paged ? (guint64)(query->page - 1) * query->page_size : 0;
  guint64 end = paged ? first + query->page_size : G_MAXUINT64;
  answer->vms = g_new0(Vmm__VmInfo *, vms->len + 1);
  for (guint i = 0; i < vms->len; i++) {
    Vm *vm = vms->pdata[i];
    if (!wanted(query, vm))
      continue;
    guint64 place = answer->total++;
    if (place >= first && place < end)
      answer->vms[answer->n_vms++] =
          vm_info_new(vmm, vm, g_hash_table_lookup(processes, vm->manifest->id), query->brief);
  }
  answer->port_mapping_enabled = vmm->config->port_mapping;
  return TRUE;
}

HANDLER(on_info) {
  Vmm *vmm = user_data;
  Vmm__GetInfoResponse *answer = (Vmm__GetInfoResponse *)response;
  g_autoptr(GError) unknown = NULL;
  g_autoptr(Vm) vm = find_requested(vmm, request, &unknown);
  if (g_error_matches(unknown, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return TRUE; /* found stays false */
  if (!vm) {
    g_propagate_error(error, g_steal_pointer(&unknown));
    return FALSE;
  }
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, error);
  if (!processes)
    return FALSE;
  answer->found = TRUE;
  answer->info = vm_info_new(vmm, vm, g_hash_table_lookup(processes, vm->manifest->id), FALSE);
  return TRUE;
}

/* ---- about the node ---- */

HANDLER(on_images) {
  Vmm *vmm = user_data;
  Vmm__ImageListResponse *answer = (Vmm__ImageListResponse *)response;
  g_autoptr(GPtrArray) images = vmm_image_list(vmm->config->image_path, error);
  if (!images)
    return FALSE;
  answer->images = g_new0(Vmm__ImageInfo *, images->len + 1);
  for (guint i = 0; i < images->len; i++) {
    const VmmImage *image = images->pdata[i];
    g_autofree char *description = vmm_image_description(image);
    Vmm__ImageInfo *info = (Vmm__ImageInfo *)prpc_message_new(&vmm__image_info__descriptor);
    prpc_set_string(&info->name, image->name);
    prpc_set_string(&info->description, description);
    prpc_set_string(&info->version, image->version);
    info->is_dev = image->is_dev;
    answer->images[answer->n_images++] = info;
  }
  return TRUE;
}

HANDLER(on_env_key) {
  Vmm *vmm = user_data;
  const Vmm__AppId *id = (const Vmm__AppId *)request;
  return kms_proxy_env_key(vmm->config->kms_url, &id->app_id, (Vmm__PublicKeyResponse *)response, error);
}

HANDLER(on_version) {
  Vmm__VersionResponse *answer = (Vmm__VersionResponse *)response;
  prpc_set_string(&answer->version, DSTACK_VERSION);
  prpc_set_string(&answer->rev, DSTACK_REVISION);
  return TRUE;
}

static void fill_urls(char **urls, char **first, size_t *count, char ***list) {
  prpc_set_string(first, *urls ? *urls : "");
  *count = g_strv_length(urls);
  *list = g_strdupv(urls);
}

HANDLER(on_meta) {
  const VmmConfig *config = ((Vmm *)user_data)->config;
  Vmm__GetMetaResponse *answer = (Vmm__GetMetaResponse *)response;
  answer->kms = (Vmm__KmsSettings *)prpc_message_new(&vmm__kms_settings__descriptor);
  fill_urls(config->kms_urls, &answer->kms->url, &answer->kms->n_urls, &answer->kms->urls);
  answer->gateway = (Vmm__GatewaySettings *)prpc_message_new(&vmm__gateway_settings__descriptor);
  fill_urls(config->gateway_urls, &answer->gateway->url, &answer->gateway->n_urls, &answer->gateway->urls);
  prpc_set_string(&answer->gateway->base_domain, config->base_domain);
  answer->gateway->port = config->gateway_port;
  answer->gateway->agent_port = config->agent_port;
  answer->resources = (Vmm__ResourcesSettings *)prpc_message_new(&vmm__resources_settings__descriptor);
  answer->resources->max_cvm_number = config->cid_pool_size;
  answer->resources->max_allocable_vcpu = config->max_vcpu;
  answer->resources->max_allocable_memory_in_mb = config->max_memory_mb;
  return TRUE;
}

HANDLER(on_reload) {
  ReloadCounts counts;
  if (!vmm_reload_all(user_data, &counts, error))
    return FALSE;
  Vmm__ReloadVmsResponse *answer = (Vmm__ReloadVmsResponse *)response;
  answer->loaded = counts.loaded;
  answer->updated = counts.updated;
  answer->removed = counts.removed;
  return TRUE;
}

static void apply_limits(PrpcService *service, const json_t *limits) {
  const char *method;
  json_t *value;
  json_object_foreach((json_t *)limits, method, value)
      prpc_service_limit(service, method, (gsize)json_integer_value(value));
}

PrpcService *vmm_service_new(Vmm *vmm) {
  static const struct {
    const char *method;
    PrpcHandler handler;
  } methods[] = {
      {"CreateVm", on_create},
      {"StartVm", on_start},
      {"StopVm", on_stop},
      {"RemoveVm", on_remove},
      {"ShutdownVm", on_shutdown},
      {"GetComposeHash", on_compose_hash},
      {"Status", on_status},
      {"GetInfo", on_info},
      {"ListImages", on_images},
      {"GetAppEnvEncryptPubKey", on_env_key},
      {"Version", on_version},
      {"GetMeta", on_meta},
      {"ReloadVms", on_reload},
  };
  PrpcService *service = prpc_service_new(&vmm__vmm__descriptor, "Teepod.", vmm);
  for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
    prpc_service_handle(service, methods[i].method, methods[i].handler);
  apply_limits(service, vmm->config->limits);
  return service;
}
