#include "measure.h"

#include "boot_log.h"
#include "image_digests.h"
#include "machine.h"

#include "crypto/digest.h"

#include <string.h>

void measurements_clear(Measurements *measurements) { g_clear_pointer(&measurements->boot_log, g_ptr_array_unref); }

void acpi_blobs_clear(AcpiBlobs *blobs) {
  g_clear_pointer(&blobs->tables, g_byte_array_unref);
  g_clear_pointer(&blobs->rsdp, g_byte_array_unref);
  g_clear_pointer(&blobs->loader, g_byte_array_unref);
}

static AcpiBlobs build_acpi(const Machine *machine) {
  AcpiBlobs blobs = {.tables = acpi_tables(&machine->acpi)};
  blobs.rsdp = acpi_rsdp(blobs.tables);
  blobs.loader = acpi_loader(blobs.tables);
  return blobs;
}

gboolean measure_acpi(const MeasureVm *vm, AcpiBlobs *out, GError **error) {
  Machine machine;
  if (!machine_describe(vm, &machine, error))
    return FALSE;
  *out = build_acpi(&machine);
  return TRUE;
}

static void digest_firmware(const Machine *machine, const FirmwareFacts *facts, FirmwareDigests *out) {
  g_auto(AcpiBlobs) acpi = build_acpi(machine);
  g_autoptr(GByteArray) hob = td_hob_build(&facts->td_hob, machine->acpi.memory_size);
  memcpy(out->cfv, facts->cfv, sizeof out->cfv);
  digest_sha384(hob->data, hob->len, out->td_hob);
  digest_sha384(acpi.loader->data, acpi.loader->len, out->acpi_loader);
  digest_sha384(acpi.rsdp->data, acpi.rsdp->len, out->acpi_rsdp);
  digest_sha384(acpi.tables->data, acpi.tables->len, out->acpi_tables);
}

gboolean measurements_replay(Measurements *measurements, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(measurements->rtmr); i++)
    if (!tdx_replay(measurements->boot_log, i, NULL, measurements->rtmr[i], error))
      return FALSE;
  return TRUE;
}

gboolean measure_image(const OsImage *image, const MeasureVm *vm, Measurements *out, GError **error) {
  *out = (Measurements){0};
  Machine machine;
  FirmwareFacts firmware;
  KernelFacts kernel;
  FirmwareDigests digests;
  if (!machine_describe(vm, &machine, error) || (!vm->ovmf_variant && !machine_check_ovmf(image->ovmf_variant, error)))
    return FALSE;
  gboolean patched = machine.patches_kernel && !image->kernel_header_normalized;
  if (!image_firmware_facts(image, machine.two_pass, &firmware, error) ||
      !image_kernel_facts(image, vm->memory_size, patched, &kernel, error))
    return FALSE;
  g_auto(Measurements) measured = {.boot_log = tdx_event_log_new()};
  digest_firmware(&machine, &firmware, &digests);
  boot_log_add_firmware(measured.boot_log, &digests);
  boot_log_add_kernel(measured.boot_log, kernel.kernel);
  boot_log_add_initrd(measured.boot_log, kernel.cmdline, kernel.initrd);
  memcpy(measured.mrtd, firmware.mrtd, sizeof measured.mrtd);
  if (!measurements_replay(&measured, error))
    return FALSE;
  *out = measured;
  measured.boot_log = NULL;
  return TRUE;
}
