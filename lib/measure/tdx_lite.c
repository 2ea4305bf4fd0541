/* Lite verification: a quote judged by its image's measurement document (spec: measurement 10.2). */
#include "document.h"

#include "boot_log.h"
#include "machine.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

#define EV_PLATFORM_CONFIG_FLAGS 0xau
#define ACPI_PAYLOAD "ACPI DATA"
#define TWO_GIB (G_GUINT64_CONSTANT(2) << 30)
#define FIXED_FROM 0xb0000000u /* from here on, and at 2 GiB, the patched kernel does not depend on memory */

static gboolean fail(GError **error, DstackErrorCode code, const char *format, const char *argument) {
  g_autofree char *message = g_strconcat(format, argument, NULL);
  g_set_error_literal(error, DSTACK_ERROR, code, message);
  return FALSE;
}

static gboolean is_acpi_event(const TdxEvent *event) {
  gsize len;
  const void *payload = g_bytes_get_data(event->payload, &len);
  return event->imr == 0 && event->type == EV_PLATFORM_CONFIG_FLAGS && len == strlen(ACPI_PAYLOAD) &&
         memcmp(payload, ACPI_PAYLOAD, len) == 0;
}

/* Exactly one event of each name, by name and not by position. */
static gboolean take_acpi_digests(TdxEventLog *log, FirmwareDigests *out, GError **error) {
  const struct {
    const char *name;
    guint8 *digest;
  } wanted[] = {{"acpi-loader", out->acpi_loader}, {"acpi-rsdp", out->acpi_rsdp}, {"acpi-tables", out->acpi_tables}};
  guint seen = 0;
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = log->pdata[i];
    if (!is_acpi_event(event))
      continue;
    guint at = 0;
    while (at < G_N_ELEMENTS(wanted) && strcmp(event->name, wanted[at].name) != 0)
      at++;
    if (at == G_N_ELEMENTS(wanted) || seen & 1u << at)
      return fail(error, DSTACK_ERROR_INVALID, "event log: unexpected acpi event ", event->name);
    seen |= 1u << at;
    memcpy(wanted[at].digest, event->digest, sizeof event->digest);
  }
  return seen == (1u << G_N_ELEMENTS(wanted)) - 1 ||
         fail(error, DSTACK_ERROR_INVALID, "event log: an acpi event is missing", "");
}

static gboolean matches(const GByteArray *blob, const guint8 digest[48]) {
  guint8 actual[48];
  digest_sha384(blob->data, blob->len, actual);
  return memcmp(actual, digest, sizeof actual) == 0;
}

/* Hostile tables could hold code that the guest's kernel runs, so they must be the ones QEMU makes for this machine. */
static gboolean check_acpi(const MeasureVm *vm, const FirmwareDigests *digests, GError **error) {
  g_auto(AcpiBlobs) acpi = {0};
  if (!measure_acpi(vm, &acpi, error))
    return FALSE;
  const char *wrong = !matches(acpi.tables, digests->acpi_tables)   ? "acpi-tables"
                      : !matches(acpi.rsdp, digests->acpi_rsdp)     ? "acpi-rsdp"
                      : !matches(acpi.loader, digests->acpi_loader) ? "acpi-loader"
                                                                    : NULL;
  return !wrong || fail(error, DSTACK_ERROR_UNVERIFIED, "acpi tables do not match: ", wrong);
}

static gboolean check_shape(const TdxDocument *document, const MeasureVm *vm, GError **error) {
  if (!document->kernel_header_normalized && vm->memory_size != TWO_GIB && vm->memory_size < FIXED_FROM)
    return fail(error, DSTACK_ERROR_INVALID, "lite mode needs 2 GiB or at least 2816 MiB of memory", "");
  if (vm->ovmf_variant && *vm->ovmf_variant && strcmp(vm->ovmf_variant, document->ovmf) != 0)
    return fail(error, DSTACK_ERROR_INVALID, "vm_config.ovmf_variant is not the document's: ", document->ovmf);
  return machine_check_ovmf(document->ovmf, error);
}

gboolean tdx_document_measure(const TdxDocument *document, const MeasureVm *vm, TdxEventLog *quoted_log,
                              Measurements *out, gboolean *acpi_verified, GError **error) {
  Machine machine;
  FirmwareDigests digests;
  *acpi_verified = FALSE;
  if (!check_shape(document, vm, error) || !machine_describe(vm, &machine, error) ||
      !take_acpi_digests(quoted_log, &digests, error) || !check_acpi(vm, &digests, error))
    return FALSE;
  *acpi_verified = TRUE;
  g_autoptr(GByteArray) hob = td_hob_build(&document->td_hob, vm->memory_size);
  digest_sha384(hob->data, hob->len, digests.td_hob);
  boot_log_standard_cfv(digests.cfv);
  g_auto(Measurements) measured = {.boot_log = tdx_event_log_new()};
  boot_log_add_firmware(measured.boot_log, &digests);
  boot_log_add_kernel(measured.boot_log, document->kernel_authenticode);
  boot_log_add_initrd(measured.boot_log, document->cmdline_sha384, document->initrd_sha384);
  memcpy(measured.mrtd, machine.two_pass ? document->mrtd_two_pass : document->mrtd_single_pass, sizeof measured.mrtd);
  if (!measurements_replay(&measured, error))
    return FALSE;
  *out = measured;
  measured.boot_log = NULL;
  return TRUE;
}
