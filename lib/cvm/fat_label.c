#include "cvm/fat_label.h"

#include "base/reader.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Offsets of Microsoft's FAT specification, sections 3.1 and 3.2 */
#define FAT16_LABEL_OFFSET 43
#define FAT16_TYPE_OFFSET 54
#define FAT32_LABEL_OFFSET 71
#define FAT32_TYPE_OFFSET 82
#define SIGNATURE_OFFSET 510
#define TYPE_SIZE 8

static gboolean type_is(const guint8 *sector, gsize offset, const char *type) {
  return memcmp(sector + offset, type, TYPE_SIZE) == 0;
}

static gboolean copy_label(const guint8 *field, char out[FAT_LABEL_SIZE + 1]) {
  for (guint i = 0; i < FAT_LABEL_SIZE; i++)
    if (field[i] < 0x20 || field[i] > 0x7e)
      return FALSE;
  memcpy(out, field, FAT_LABEL_SIZE);
  out[FAT_LABEL_SIZE] = '\0';
  g_strchomp(out);
  return TRUE;
}

gboolean fat_label_parse(const guint8 *sector, gsize len, char out[FAT_LABEL_SIZE + 1]) {
  if (len < FAT_BOOT_SECTOR_SIZE || sector[SIGNATURE_OFFSET] != 0x55 || sector[SIGNATURE_OFFSET + 1] != 0xaa)
    return FALSE;
  if (type_is(sector, FAT32_TYPE_OFFSET, "FAT32   "))
    return copy_label(sector + FAT32_LABEL_OFFSET, out);
  if (type_is(sector, FAT16_TYPE_OFFSET, "FAT16   ") || type_is(sector, FAT16_TYPE_OFFSET, "FAT12   "))
    return copy_label(sector + FAT16_LABEL_OFFSET, out);
  return FALSE;
}

gboolean fat_label_read(const char *path, char out[FAT_LABEL_SIZE + 1]) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return FALSE;
  guint8 sector[FAT_BOOT_SECTOR_SIZE];
  ssize_t n = pread(fd, sector, sizeof sector, 0);
  (void)close(fd); /* opened for reading: nothing to lose */
  return n == (ssize_t)sizeof sector && fat_label_parse(sector, sizeof sector, out);
}
