/* What the measurements take from an image's files, each file read once. */
#pragma once

#include "machine.h"
#include "measure.h"
#include "td_hob.h"

typedef struct {
  guint8 mrtd[48];
  guint8 cfv[48];
  TdHobLayout td_hob;
} FirmwareFacts;
/* Error INVALID: the image has no firmware, or one without TDX metadata. */
gboolean image_firmware_facts(const OsImage *image, gboolean two_pass, FirmwareFacts *out, GError **error);

typedef struct {
  guint8 kernel[48], cmdline[48], initrd[48];
} KernelFacts;
/* `memory_size` decides where QEMU puts the initrd; with `patched` FALSE the kernel counts as it is on disk. */
gboolean image_kernel_facts(const OsImage *image, guint64 memory_size, gboolean patched, KernelFacts *out,
                            GError **error);
