/* A FAT32 disk image of one flat directory: how files reach a guest that has no 9p (spec: vmm 7.6 vhd, guest-os 4). */
#pragma once

#include <glib.h>

#define FAT_IMAGE_BYTES (128 * 1024 * 1024)
#define FAT_LABEL_MAX 11

/* Makes `image_path` (mode 0644) anew with every regular file of `dir`, no symlinks and no folders, under their own names,
 * sorted. `label` is of upper-case letters. The same files give the same bytes. The image is written beside and renamed:
 * a QEMU that still has the old one open keeps it. Errors: TOO_LARGE (does not fit), INVALID (a name that is not plain
 * ASCII), IO. */
gboolean fat_image_write(const char *image_path, const char *dir, const char *label, GError **error);
