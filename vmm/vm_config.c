#include "vmm/vm_config.h"

#include "base/json.h"

#define SPEC_VERSION 1
#define MIB (1024 * 1024)
#define GUEST_VIEW_OF_HOST_CID 2

static void set(json_t *object, const char *key, json_t *value) { json_object_set_new(object, key, value); }

static void set_optional(json_t *object, const char *key, OptionalBool value) {
  if (value != OPTION_UNSET)
    set(object, key, json_boolean(value == OPTION_TRUE));
}

char *vm_config_text(const QemuPlan *plan) {
  const VmmConfig *config = plan->config;
  g_autoptr(json_t) object = json_object();
  set(object, "spec_version", json_integer(SPEC_VERSION));
  set(object, "os_image_hash", json_string(plan->image->digest));
  set(object, "cpu_count", json_integer(qemu_effective_vcpus(plan->manifest)));
  set(object, "memory_size", json_integer((json_int_t)qemu_effective_memory_mb(plan->manifest) * MIB));
  set_optional(object, "qemu_single_pass_add_pages", config->single_pass_add_pages);
  set_optional(object, "pic", config->pic);
  if (config->qemu_version)
    set(object, "qemu_version", json_string(config->qemu_version));
  set(object, "pci_hole64_size", json_integer((json_int_t)config->pci_hole64_size));
  set(object, "hugepages", json_boolean(plan->manifest->hugepages));
  set(object, "num_gpus", json_integer(0));
  set(object, "num_nvswitches", json_integer(0));
  set(object, "hotplug_off", json_boolean(config->hotplug_off));
  set(object, "image", json_string(plan->image->name));
  set(object, "host_share_mode", json_string(plan->share_mode));
  return json_print(object);
}

static json_t *url_list(char **own, char **of_node) {
  json_t *list = json_array();
  for (char **url = own && *own ? own : of_node; *url; url++)
    json_array_append_new(list, json_string(*url));
  return list;
}

char *sys_config_text(const QemuPlan *plan, const char *vm_config) {
  const VmmConfig *config = plan->config;
  g_autofree char *host_api = g_strdup_printf("vsock://%d:%u/api", GUEST_VIEW_OF_HOST_CID, config->host_api_port);
  g_autoptr(json_t) object =
      json_pack("{s:o, s:o, s:s, s:s, s:s, s:s}", "kms_urls", url_list(plan->manifest->kms_urls, config->kms_urls),
                "gateway_urls", url_list(plan->manifest->gateway_urls, config->gateway_urls), "pccs_url", config->pccs_url,
                "docker_registry", config->docker_registry, "host_api_url", host_api, "vm_config", vm_config);
  return json_print(object);
}
