/* The boot events firmware of the known layout logs, register by register (spec: measurement 4, 6, 7). */
#pragma once

#include "tdx/event_log.h"

#include <glib.h>

/* The names under which tools speak of the 13 events of RTMR0, in order. */
extern const char *const boot_log_rtmr0_names[13];

typedef struct {
  guint8 td_hob[48], cfv[48];
  guint8 acpi_loader[48], acpi_rsdp[48], acpi_tables[48];
} FirmwareDigests;
/* RTMR0. */
void boot_log_add_firmware(TdxEventLog *log, const FirmwareDigests *digests);
/* The digest of the pristine variable store of 4 MiB firmware, where only a document of the image is at hand. */
void boot_log_standard_cfv(guint8 out[48]);
/* RTMR1: the kernel's Authenticode hash and what firmware says of starting it. */
void boot_log_add_kernel(TdxEventLog *log, const guint8 kernel[48]);
/* RTMR2. */
void boot_log_add_initrd(TdxEventLog *log, const guint8 cmdline[48], const guint8 initrd[48]);

/* SHA-384 of the command line as firmware's loader passes it on: with the initrd's name appended, as UTF-16 with a
 * final NUL. Error INVALID when it is not UTF-8. */
gboolean boot_log_hash_cmdline(const char *cmdline, guint8 out[48], GError **error);
