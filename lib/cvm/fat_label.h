/* The volume label of a FAT file system, read from its boot sector alone (spec: guest-os 4). */
#pragma once

#include <glib.h>

#define FAT_BOOT_SECTOR_SIZE 512
#define FAT_LABEL_SIZE 11

/* Writes the label without its padding, NUL-terminated, to `out`. FALSE when the sector is not that of a FAT12, FAT16
 * or FAT32 file system, or the label is not printable ASCII. */
gboolean fat_label_parse(const guint8 *sector, gsize len, char out[FAT_LABEL_SIZE + 1]);
/* The same for a block device or image file. FALSE also when it can't be read. */
gboolean fat_label_read(const char *path, char out[FAT_LABEL_SIZE + 1]);
