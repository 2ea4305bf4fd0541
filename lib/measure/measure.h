/* What real hardware will measure: MRTD and RTMR0-2 of an image in a VM of a given shape (spec: measurement). */
#pragma once

#include "tdx/event_log.h"

#include <glib.h>

/* The VM's shape; the fields of `vm_config` that matter (spec: measurement 9.2). */
typedef struct {
  guint32 cpu_count;
  guint64 memory_size;        /* bytes */
  const char *qemu_version;   /* "9.1.0"; NULL: the library's default */
  gboolean two_pass_add_pages, two_pass_set;
  gboolean pic, pic_set;
  guint64 pci_hole64_size;    /* 0: QEMU's default */
  gboolean hugepages;
  guint32 num_gpus, num_nvswitches, num_nics; /* num_nics 0 means 1 */
  guint32 num_verity_volumes;
  gboolean hotplug_off;
  const char *host_share_mode; /* "9p" (NULL), "vvfat", "vhd" */
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
  gboolean is_dev, shared_ro;
  char *host_share_mode;      /* what the image can mount; NULL: "9p" */
  guint8 os_image_hash[32];   /* sha256 of sha256sum.txt, equal to digest.txt */
  gboolean has_os_image_hash;
} OsImage;
/* Reads and checks metadata.json, digest.txt and sha256sum.txt (names plain, hash consistent). With `check_files`, every
 * file is hashed and compared with sha256sum.txt (error UNVERIFIED names the file). */
OsImage *os_image_open(const char *dir, gboolean check_files, GError **error);
void os_image_free(OsImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OsImage, os_image_free)

/* Parses vm_config JSON text; unknown keys are ignored. `os_image_hash` (may be NULL) gets 32 bytes. Strings in `vm` are
 * owned by *storage, to be unreferenced by the caller when `vm` is no longer used. */
gboolean measure_vm_parse(const char *vm_config, MeasureVm *vm, guint8 os_image_hash[32], gboolean *has_hash,
                          GBytes **storage, GError **error);

gboolean measure_image(const OsImage *image, const MeasureVm *vm, Measurements *out, GError **error);
