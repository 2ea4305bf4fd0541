/* vm_config: the VM's shape as its host tells it, untrusted until the measurements agree (spec: measurement 9.2). */
#include "measure.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"

#include <string.h>

static const char what[] = "vm_config";

static gboolean get_u32(const json_t *object, const char *key, guint32 fallback, guint32 max, guint32 *out,
                        GError **error) {
  guint64 value;
  if (!json_get_uint_or(object, key, fallback, max, &value, what, error))
    return FALSE;
  *out = (guint32)value;
  return TRUE;
}

static gboolean get_optional_bool(const json_t *object, const char *key, gboolean *out, gboolean *set, GError **error) {
  *set = json_is_boolean(json_object_get(object, key));
  return json_get_bool_or(object, key, FALSE, out, what, error);
}

static gboolean read_hash(const json_t *object, guint8 os_image_hash[32], gboolean *has_hash, GError **error) {
  const char *text;
  if (!json_get_string_or(object, "os_image_hash", "", &text, what, error))
    return FALSE;
  *has_hash = *text != '\0';
  if (!*has_hash || !os_image_hash || hex_decode_fixed(text, os_image_hash, 32, error))
    return TRUE;
  g_prefix_error(error, "vm_config.os_image_hash: ");
  return FALSE;
}

static gboolean read_shape(const json_t *object, MeasureVm *vm, GError **error) {
  guint64 memory;
  if (!get_u32(object, "cpu_count", 0, MEASURE_MAX_CPUS, &vm->cpu_count, error) ||
      !json_get_uint_or(object, "memory_size", 0, MEASURE_MAX_MEMORY, &memory, what, error) ||
      !json_get_uint_or(object, "pci_hole64_size", 0, MEASURE_MAX_MEMORY, &vm->pci_hole64_size, what, error) ||
      !json_get_string_or(object, "qemu_version", NULL, &vm->qemu_version, what, error))
    return FALSE;
  vm->memory_size = memory;
  /* The key's name says the opposite of its meaning; every peer passes it on unchanged (spec: measurement 1, trap). */
  return get_optional_bool(object, "qemu_single_pass_add_pages", &vm->two_pass_add_pages, &vm->two_pass_set, error) &&
         get_optional_bool(object, "pic", &vm->pic, &vm->pic_set, error);
}

static gboolean read_devices(const json_t *object, MeasureVm *vm, GError **error) {
  return json_get_bool_or(object, "hugepages", FALSE, &vm->hugepages, what, error) &&
         json_get_bool_or(object, "hotplug_off", FALSE, &vm->hotplug_off, what, error) &&
         get_u32(object, "num_gpus", 0, MEASURE_MAX_DEVICES, &vm->num_gpus, error) &&
         get_u32(object, "num_nvswitches", 0, MEASURE_MAX_DEVICES, &vm->num_nvswitches, error) &&
         get_u32(object, "num_nics", 1, MEASURE_MAX_DEVICES, &vm->num_nics, error) &&
         get_u32(object, "num_verity_volumes", 0, MEASURE_MAX_DEVICES, &vm->num_verity_volumes, error) &&
         json_get_string_or(object, "host_share_mode", NULL, &vm->host_share_mode, what, error) &&
         json_get_string_or(object, "ovmf_variant", NULL, &vm->ovmf_variant, what, error) &&
         json_get_bool_or(object, "swtpm", FALSE, &vm->swtpm, what, error);
}

/* Only the variant selects lite mode; a document beside it does not. */
static gboolean read_variant(const json_t *object, MeasureVm *vm, GError **error) {
  const char *variant;
  if (!json_get_string_or(object, "tdx_attestation_variant", "legacy", &variant, what, error))
    return FALSE;
  vm->lite = strcmp(variant, "lite") == 0;
  if (!vm->lite && strcmp(variant, "legacy") != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "vm_config.tdx_attestation_variant: unknown value");
    return FALSE;
  }
  const json_t *document = json_object_get(object, "tdx_measurement");
  if (!document || json_is_null(document))
    return TRUE;
  return json_require_object(document, "vm_config.tdx_measurement", error) &&
         json_get_string_or(document, "checksum_file", NULL, &vm->tdx_checksum_file, what, error) &&
         json_get_string_or(document, "measurement", NULL, &vm->tdx_measurement, what, error);
}

/* The tree lives in a GBytes with a free function, so that the borrowed strings have an owner. */
static void release_tree(gpointer tree) { json_decref(tree); }

gboolean measure_vm_parse(const char *vm_config, MeasureVm *vm, guint8 os_image_hash[32], gboolean *has_hash,
                          GBytes **storage, GError **error) {
  *vm = (MeasureVm){0};
  json_t *object = json_parse(vm_config, strlen(vm_config), what, error);
  if (!object)
    return FALSE;
  *storage = g_bytes_new_with_free_func("", 0, release_tree, object);
  if (json_require_object(object, what, error) && read_hash(object, os_image_hash, has_hash, error) &&
      read_shape(object, vm, error) && read_devices(object, vm, error) && read_variant(object, vm, error))
    return TRUE;
  g_clear_pointer(storage, g_bytes_unref);
  return FALSE;
}
