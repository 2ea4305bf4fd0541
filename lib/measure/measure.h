/* What real hardware will measure: MRTD and RTMR0-2 of an image in a VM of a given shape (spec: measurement). */
#pragma once

#include "tdx/event_log.h"

#include <glib.h>

#define MEASURE_MAX_CPUS 4096
#define MEASURE_MAX_DEVICES 24
#define MEASURE_MAX_MEMORY (G_GUINT64_CONSTANT(1) << 46)
#define MEASURE_OVMF_VARIANT "pre202505" /* the one firmware layout whose events are known (spec: measurement 4) */

/* The VM's shape; the fields of `vm_config` that matter (spec: measurement 9.2). */
typedef struct {
  guint32 cpu_count;
  guint64 memory_size;      /* bytes */
  const char *qemu_version; /* "9.1.0"; NULL: the library's default */
  gboolean two_pass_add_pages, two_pass_set;
  gboolean pic, pic_set;
  gboolean smm;
  gboolean cdrom_rootfs;     /* the root file system is no virtio disk */
  guint64 pci_hole64_size;   /* 0: QEMU's default */
  gboolean pci_hole64_empty; /* there is no such range at all */
  guint64 pci_hole64_base;   /* 0: what firmware chooses with 46 physical address bits */
  gboolean hugepages;
  guint32 num_gpus, num_nvswitches, num_nics; /* num_nics 0 means 1 */
  guint32 num_verity_volumes;
  gboolean hotplug_off;
  gboolean swtpm;              /* refused: its measurement is not known */
  const char *host_share_mode; /* "9p" (NULL, ""), "vvfat", "vhd" */
  const char *ovmf_variant;    /* NULL: the image's; refused unless MEASURE_OVMF_VARIANT */
  /* Lite mode: the image is known by a measurement document only (spec: measurement 10.2). Both base64; NULL: none. */
  gboolean lite;
  const char *tdx_checksum_file, *tdx_measurement;
} MeasureVm;

typedef struct {
  guint8 mrtd[48];
  guint8 rtmr[3][48];
  TdxEventLog *boot_log; /* the events that replay to rtmr[0..2], as firmware would log them; owned */
} Measurements;
void measurements_clear(Measurements *measurements);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Measurements, measurements_clear)

/* An image directory: metadata.json names the files. */
typedef struct {
  char *dir;
  char *cmdline, *kernel, *initrd, *bios, *rootfs, *version; /* file names are plain; NULL when metadata has none */
  char *bios_sev;                                            /* firmware for AMD SEV-SNP */
  char *ovmf_variant;                                        /* NULL: not said */
  gboolean is_dev, shared_ro;
  gboolean kernel_header_normalized; /* the kernel file is what is measured, on every host */
  char *host_share_mode;             /* what the image can mount; NULL: "9p" */
  guint8 os_image_hash[32];          /* sha256 of sha256sum.txt, equal to digest.txt */
  gboolean has_os_image_hash;
} OsImage;
/* Reads and checks metadata.json, digest.txt and sha256sum.txt (names plain, hash consistent). With `check_files`,
 * every file is hashed and compared with sha256sum.txt (error UNVERIFIED names the file). */
OsImage *os_image_open(const char *dir, gboolean check_files, GError **error);
/* The same with all files checked, none of them begun after `deadline` (monotonic microseconds; error TIMEOUT). */
OsImage *os_image_open_before(const char *dir, gint64 deadline, GError **error);
void os_image_free(OsImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OsImage, os_image_free)

/* Checks a sha256sum.txt of at most OS_IMAGE_MAX_SUMS bytes: one `<64 hex>  <plain name>` a line, every name once,
 * itself not listed. Returns name -> hex digest. Error INVALID says what is wrong. */
#define OS_IMAGE_MAX_SUMS (16 * 1024)
GHashTable *os_image_parse_sums(const char *text, GError **error);
/* TRUE for the names that files of an image may have: plain, not hidden. */
gboolean os_image_name_ok(const char *name);

/* Parses vm_config JSON text; unknown keys are ignored. `os_image_hash` (may be NULL) gets 32 bytes. Strings in `vm`
 * are owned by *storage, to be unreferenced by the caller when `vm` is no longer used. */
gboolean measure_vm_parse(const char *vm_config, MeasureVm *vm, guint8 os_image_hash[32], gboolean *has_hash,
                          GBytes **storage, GError **error);
/* Hex SHA-256 that two texts share exactly when they describe the same VM and image: the reference's re-serialisation
 * (spec: kms 7.5), extended by newer fields where they differ from their defaults. */
char *measure_vm_cache_key(const char *vm_config, GError **error);

gboolean measure_image(const OsImage *image, const MeasureVm *vm, Measurements *out, GError **error);

/* The three ACPI blobs QEMU hands to firmware. */
typedef struct {
  GByteArray *tables, *rsdp, *loader;
} AcpiBlobs;
void acpi_blobs_clear(AcpiBlobs *blobs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AcpiBlobs, acpi_blobs_clear)
gboolean measure_acpi(const MeasureVm *vm, AcpiBlobs *out, GError **error);
