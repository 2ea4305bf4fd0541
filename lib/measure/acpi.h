/* The ACPI blobs QEMU's q35 machine hands to the firmware, made without QEMU (spec: measurement 5). */
#pragma once

#include <glib.h>

typedef struct {
  guint major, minor, micro;
} QemuVersion;

/* TRUE when `version` is at least major.minor.micro. */
gboolean qemu_version_at_least(const QemuVersion *version, guint major, guint minor, guint micro);

typedef struct {
  guint cpus;
  guint64 memory_size; /* bytes, whole MiB */
  QemuVersion qemu;
  gboolean pic, smm, hotplug_off, hugepages;
  guint64 hole64_base; /* 0: what firmware chooses with 46 physical address bits */
  guint64 hole64_size; /* bytes; 0: QEMU's default */
  gboolean hole64_empty;
  guint virtio_devices; /* occupied slots from 1 */
  guint root_ports;     /* GPUs and NVSwitches */
} AcpiMachine;

/* Below 4 GiB, RAM ends here. */
guint64 acpi_low_memory(const AcpiMachine *machine);
/* The DSDT's body, without its header. */
GByteArray *acpi_dsdt(const AcpiMachine *machine);
/* `etc/acpi/tables`, `etc/acpi/rsdp` and `etc/table-loader`. */
GByteArray *acpi_tables(const AcpiMachine *machine);
GByteArray *acpi_rsdp(const GByteArray *tables);
GByteArray *acpi_loader(const GByteArray *tables);
