#include "machine.h"

#include "base/error.h"

#include <string.h>

#define DEFAULT_QEMU "9.1.0"
#define MIB (1024 * 1024)
#define FIXED_VIRTIO_DEVICES 3 /* data disk, vsock, host share; then the root disk, network cards and volumes */

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", why);
  return FALSE;
}

static gboolean parse_number(const char *text, guint *out) {
  guint64 value;
  if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT16, &value, NULL))
    return FALSE;
  *out = (guint)value;
  return TRUE;
}

static gboolean parse_qemu_version(const char *text, QemuVersion *version, GError **error) {
  g_auto(GStrv) parts = g_strsplit(text, ".", 4);
  if (g_strv_length(parts) != 3 || !parse_number(parts[0], &version->major) ||
      !parse_number(parts[1], &version->minor) || !parse_number(parts[2], &version->micro))
    return invalid(error, "qemu_version must be three numbers with dots");
  if (!qemu_version_at_least(version, 8, 0, 0))
    return invalid(error, "unsupported qemu version");
  return TRUE;
}

static gboolean check_limits(const MeasureVm *vm, GError **error) {
  if (vm->cpu_count == 0 || vm->cpu_count > MEASURE_MAX_CPUS)
    return invalid(error, "cpu_count must be from 1 to 4096");
  if (vm->memory_size == 0 || vm->memory_size % MIB || vm->memory_size > MEASURE_MAX_MEMORY)
    return invalid(error, "memory_size must be a whole number of MiB, at most 64 TiB");
  if (vm->pci_hole64_size > MEASURE_MAX_MEMORY || vm->pci_hole64_base > G_MAXUINT64 - MEASURE_MAX_MEMORY)
    return invalid(error, "pci_hole64 lies outside of the address space");
  if (vm->num_gpus > MEASURE_MAX_DEVICES || vm->num_nvswitches > MEASURE_MAX_DEVICES ||
      vm->num_nics > MEASURE_MAX_DEVICES || vm->num_verity_volumes > MEASURE_MAX_DEVICES)
    return invalid(error, "too many devices");
  return TRUE;
}

static gboolean check_supported(const MeasureVm *vm, GError **error) {
  const char *share = vm->host_share_mode;
  if (share && *share && strcmp(share, "9p") != 0 && strcmp(share, "vvfat") != 0 && strcmp(share, "vhd") != 0)
    return invalid(error, "unknown host_share_mode");
  if (vm->swtpm)
    return invalid(error, "swtpm measurement is not supported");
  if (vm->hugepages && vm->num_gpus + vm->num_nvswitches > 0)
    return invalid(error, "hugepages with gpus is not predictable");
  return machine_check_ovmf(vm->ovmf_variant, error);
}

gboolean machine_check_ovmf(const char *variant, GError **error) {
  if (!variant || !*variant || strcmp(variant, MEASURE_OVMF_VARIANT) == 0)
    return TRUE;
  return invalid(error, "unsupported ovmf_variant");
}

gboolean machine_describe(const MeasureVm *vm, Machine *out, GError **error) {
  QemuVersion qemu;
  if (!parse_qemu_version(vm->qemu_version ? vm->qemu_version : DEFAULT_QEMU, &qemu, error) ||
      !check_limits(vm, error) || !check_supported(vm, error))
    return FALSE;
  gboolean before_9 = !qemu_version_at_least(&qemu, 9, 0, 0);
  *out = (Machine){.two_pass = vm->two_pass_set ? vm->two_pass_add_pages : before_9,
                   .patches_kernel = !qemu_version_at_least(&qemu, 10, 2, 0)};
  /* Which device sits in which slot does not matter, only how many slots are taken. */
  guint virtio = FIXED_VIRTIO_DEVICES + (vm->cdrom_rootfs ? 0 : 1) + MAX(vm->num_nics, 1) + vm->num_verity_volumes;
  out->acpi = (AcpiMachine){.cpus = vm->cpu_count,
                            .memory_size = vm->memory_size,
                            .qemu = qemu,
                            .pic = vm->pic_set ? vm->pic : before_9,
                            .smm = vm->smm,
                            .hotplug_off = vm->hotplug_off,
                            .hugepages = vm->hugepages,
                            .hole64_base = vm->pci_hole64_base,
                            .hole64_size = vm->pci_hole64_size,
                            .hole64_empty = vm->pci_hole64_empty,
                            .virtio_devices = virtio,
                            .root_ports = vm->num_gpus + vm->num_nvswitches};
  if (virtio + out->acpi.root_ports > MEASURE_MAX_DEVICES)
    return invalid(error, "too many devices");
  return TRUE;
}
