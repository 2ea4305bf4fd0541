#include "measure.h"

#include "acpi.h"
#include "aml.h"
#include "bytes.h"
#include "kernel_image.h"
#include "tdvf.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FIRMWARE = 64 << 20, MAX_KERNEL = 256 << 20, MAX_PORTS = 24 };
#define MAX_INITRD (G_GUINT64_CONSTANT(2) << 30)
#define MAX_MEMORY (G_GUINT64_CONSTANT(1) << 46)
#define DEFAULT_QEMU "9.1.0"
#define MIB (1024 * 1024)

/* TCG event types as firmware logs them (spec: measurement 4, attestation C.3). */
enum {
  EV_SEPARATOR = 4,
  EV_PLATFORM_CONFIG_FLAGS = 0xa,
  EV_IPL = 0xd,
  EV_EFI_ACTION = 0x80000007,
  EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003,
  EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001,
  EV_EFI_VARIABLE_BOOT = 0x80000002,
  EV_EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000000a,
  EV_EFI_HANDOFF_TABLES2 = 0x8000000b,
};

static const char global_guid[] = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
static const char security_guid[] = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
/* The load option "UiApp", which firmware puts first when nobody else did. */
static const char boot0000[] =
    "090100002c0055006900410070007000000004071400c9bdb87cebf8344faaea3ee4af6516a10406140021aa2c46"
    "14760345836e8ab6f46623317fff0400";

void measurements_clear(Measurements *measurements) { g_clear_pointer(&measurements->boot_log, g_ptr_array_unref); }

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", why);
  return FALSE;
}

static void log_digest(TdxEventLog *log, guint imr, guint32 type, const guint8 digest[48], const char *payload) {
  g_autoptr(GBytes) bytes = g_bytes_new(payload, strlen(payload));
  g_ptr_array_add(log, tdx_event_new(imr, type, digest, "", bytes));
}

static void log_data(TdxEventLog *log, guint imr, guint32 type, const void *data, gsize len, const char *payload) {
  guint8 digest[48];
  digest_sha384(data, len, digest);
  log_digest(log, imr, type, digest, payload);
}

/* An absent EFI variable: GUID, name length, no data, the name in UTF-16. */
static void log_variable(TdxEventLog *log, const char *guid_text, const char *name) {
  g_autoptr(GByteArray) data = g_byte_array_new();
  guint8 guid[16];
  guid_parse(guid_text, guid);
  put_bytes(data, guid, sizeof guid);
  put_u64(data, strlen(name));
  put_u64(data, 0);
  for (const char *c = name; *c; c++)
    put_u16(data, (guchar)*c);
  log_data(log, 0, EV_EFI_VARIABLE_DRIVER_CONFIG, data->data, data->len, name);
}

static gboolean parse_qemu_version(const char *text, QemuVersion *version, GError **error) {
  char end;
  if (sscanf(text, "%u.%u.%u%c", &version->major, &version->minor, &version->micro, &end) != 3)
    return invalid(error, "qemu_version must be three numbers with dots");
  if (!qemu_version_at_least(version, 8, 0, 0))
    return invalid(error, "unsupported qemu version");
  return TRUE;
}

static gboolean describe_machine(const MeasureVm *vm, AcpiMachine *machine, gboolean *two_pass, GError **error) {
  *machine = (AcpiMachine){.cpus = vm->cpu_count,
                           .memory_size = vm->memory_size,
                           .hotplug_off = vm->hotplug_off,
                           .hugepages = vm->hugepages,
                           .hole64_size = vm->pci_hole64_size,
                           .root_ports = vm->num_gpus + vm->num_nvswitches};
  if (!parse_qemu_version(vm->qemu_version ? vm->qemu_version : DEFAULT_QEMU, &machine->qemu, error))
    return FALSE;
  gboolean before_9 = !qemu_version_at_least(&machine->qemu, 9, 0, 0);
  machine->pic = vm->pic_set ? vm->pic : before_9;
  *two_pass = vm->two_pass_set ? vm->two_pass_add_pages : before_9;
  /* Root disk, data disk, vsock and the host share, then NICs and volumes: only the number of slots matters. */
  machine->virtio_devices = 4 + (vm->num_nics ? vm->num_nics : 1) + vm->num_verity_volumes;
  if (vm->cpu_count == 0)
    return invalid(error, "cpu_count must not be 0");
  if (vm->memory_size == 0 || vm->memory_size % MIB || vm->memory_size > MAX_MEMORY)
    return invalid(error, "memory_size must be a whole number of MiB");
  if (machine->hugepages && machine->root_ports)
    return invalid(error, "hugepages with gpus is not predictable");
  if (machine->virtio_devices + machine->root_ports > MAX_PORTS)
    return invalid(error, "too many devices");
  const char *share = vm->host_share_mode;
  if (share && *share && strcmp(share, "9p") != 0 && strcmp(share, "vvfat") != 0 && strcmp(share, "vhd") != 0)
    return invalid(error, "unknown host_share_mode");
  return TRUE;
}

static void log_acpi(TdxEventLog *log, const AcpiMachine *machine) {
  g_autoptr(GByteArray) tables = acpi_tables(machine);
  g_autoptr(GByteArray) rsdp = acpi_rsdp(tables);
  g_autoptr(GByteArray) loader = acpi_loader(tables);
  const GByteArray *const blobs[] = {loader, rsdp, tables};
  for (guint i = 0; i < G_N_ELEMENTS(blobs); i++)
    log_data(log, 0, EV_PLATFORM_CONFIG_FLAGS, blobs[i]->data, blobs[i]->len, "ACPI DATA");
}

static gboolean log_firmware(TdxEventLog *log, const Tdvf *tdvf, const AcpiMachine *machine, GError **error) {
  guint8 cfv[48];
  if (!tdvf_cfv_digest(tdvf, cfv, error))
    return FALSE;
  g_autoptr(GByteArray) hob = tdvf_td_hob(tdvf, machine->memory_size);
  log_data(log, 0, EV_EFI_HANDOFF_TABLES2, hob->data, hob->len, "td_hob");
  log_digest(log, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, cfv, "cfv_image");
  log_variable(log, global_guid, "SecureBoot");
  log_variable(log, global_guid, "PK");
  log_variable(log, global_guid, "KEK");
  log_variable(log, security_guid, "db");
  log_variable(log, security_guid, "dbx");
  log_data(log, 0, EV_SEPARATOR, "\0\0\0\0", 4, "separator");
  log_acpi(log, machine);
  log_data(log, 0, EV_EFI_VARIABLE_BOOT, "\0\0", 2, "BootOrder");
  g_autoptr(GBytes) option = hex_decode(boot0000, strlen(boot0000), NULL);
  log_data(log, 0, EV_EFI_VARIABLE_BOOT, g_bytes_get_data(option, NULL), g_bytes_get_size(option), "Boot0000");
  return TRUE;
}

static void log_text(TdxEventLog *log, guint imr, guint32 type, const char *text) {
  log_data(log, imr, type, text, strlen(text), text);
}

static gboolean log_kernel(TdxEventLog *log, GBytes *kernel, gsize initrd_size, const AcpiMachine *machine,
                           GError **error) {
  guint8 digest[48];
  gsize len;
  const guint8 *data = g_bytes_get_data(kernel, &len);
  g_autoptr(GByteArray) patched = NULL;
  if (!qemu_version_at_least(&machine->qemu, 10, 2, 0)) {
    patched = kernel_image_patch(kernel, initrd_size, machine->memory_size, error);
    if (!patched)
      return FALSE;
    data = patched->data;
  }
  if (!kernel_image_authenticode(data, len, digest, error))
    return FALSE;
  log_digest(log, 1, EV_EFI_BOOT_SERVICES_APPLICATION, digest, "kernel");
  log_text(log, 1, EV_EFI_ACTION, "Calling EFI Application from Boot Option");
  log_data(log, 1, EV_SEPARATOR, "\0\0\0\0", 4, "separator");
  log_text(log, 1, EV_EFI_ACTION, "Exit Boot Services Invocation");
  log_text(log, 1, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
  return TRUE;
}

/* The firmware's loader appends the initrd's name to the command line and hashes both as UTF-16 with a final NUL. */
static gboolean log_cmdline(TdxEventLog *log, const char *cmdline, GError **error) {
  g_autofree char *full = g_strconcat(cmdline, " initrd=initrd", NULL);
  glong units;
  g_autofree gunichar2 *text = g_utf8_to_utf16(full, -1, NULL, &units, NULL);
  if (!text)
    return invalid(error, "kernel command line is not valid utf-8");
  g_autoptr(GByteArray) data = g_byte_array_new();
  for (glong i = 0; i <= units; i++)
    put_u16(data, text[i]);
  log_data(log, 2, EV_EFI_BOOT_SERVICES_APPLICATION, data->data, data->len, full);
  return TRUE;
}

static GBytes *read_part(const OsImage *image, const char *name, gsize max, GError **error) {
  g_autofree char *path = g_build_filename(image->dir, name, NULL);
  return file_read(path, max, error);
}

static gboolean log_image(TdxEventLog *log, const OsImage *image, const AcpiMachine *machine, GError **error) {
  g_autoptr(GBytes) kernel = read_part(image, image->kernel, MAX_KERNEL, error);
  g_autoptr(GBytes) initrd = kernel ? read_part(image, image->initrd, MAX_INITRD, error) : NULL;
  if (!initrd || !log_kernel(log, kernel, g_bytes_get_size(initrd), machine, error) ||
      !log_cmdline(log, image->cmdline ? image->cmdline : "", error))
    return FALSE;
  log_data(log, 2, EV_EFI_BOOT_SERVICES_APPLICATION, g_bytes_get_data(initrd, NULL), g_bytes_get_size(initrd),
           "initrd");
  return TRUE;
}

gboolean measure_image(const OsImage *image, const MeasureVm *vm, Measurements *out, GError **error) {
  *out = (Measurements){0};
  AcpiMachine machine;
  gboolean two_pass;
  if (!image->bios)
    return invalid(error, "the image has no firmware, so it can not be measured");
  if (!describe_machine(vm, &machine, &two_pass, error))
    return FALSE;
  g_autoptr(GBytes) firmware = read_part(image, image->bios, MAX_FIRMWARE, error);
  g_autoptr(Tdvf) tdvf = firmware ? tdvf_parse(firmware, error) : NULL;
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  if (!tdvf || !log_firmware(log, tdvf, &machine, error) || !log_image(log, image, &machine, error))
    return FALSE;
  tdvf_mrtd(tdvf, two_pass, out->mrtd);
  for (guint i = 0; i < G_N_ELEMENTS(out->rtmr); i++)
    if (!tdx_replay(log, i, NULL, out->rtmr[i], error))
      return FALSE;
  out->boot_log = g_steal_pointer(&log);
  return TRUE;
}
