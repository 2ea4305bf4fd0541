/* A bzImage: what QEMU's direct boot writes into its header, and how firmware measures it (spec: measurement 6). */
#pragma once

#include "file_range.h"

#include <glib.h>

#define KERNEL_HEAD_SIZE 8192 /* QEMU writes nowhere else */

typedef struct {
  RangeFile file;
  guint8 head[KERNEL_HEAD_SIZE]; /* the file's beginning, as the guest sees it */
  gsize head_len;
} KernelImage;

gboolean kernel_image_open(KernelImage *kernel, const char *path, GError **error);
void kernel_image_close(KernelImage *kernel);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KernelImage, kernel_image_close)

/* Applies QEMU's changes to the head. Error INVALID: boot protocol older than 2.12 or not a bzImage (their rules differ
 * and no image has them), memory too small for the initrd. */
gboolean kernel_image_patch(KernelImage *kernel, guint64 initrd_size, guint64 memory_size, GError **error);
/* Authenticode SHA-384 with the head as it stands. Error INVALID when the PE headers point outside of the file or to
 * the same bytes twice. */
gboolean kernel_image_authenticode(const KernelImage *kernel, guint8 out[48], GError **error);
