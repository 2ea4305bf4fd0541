#include "vmm/fat_image.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Geometry; the structures are those of Microsoft's "FAT: General Overview of On-Disk Format" 1.03. */
#define SECTOR 512
#define SECTORS_PER_CLUSTER 2
#define CLUSTER (SECTOR * SECTORS_PER_CLUSTER)
#define RESERVED_SECTORS 32
#define BACKUP_BOOT_SECTOR 6
#define FAT_COPIES 2
#define TOTAL_SECTORS (FAT_IMAGE_BYTES / SECTOR)
#define FAT_SECTORS 1016 /* holds the entries of all clusters that fit behind both copies */
#define DATA_SECTOR (RESERVED_SECTORS + FAT_COPIES * FAT_SECTORS)
#define CLUSTER_COUNT ((TOTAL_SECTORS - DATA_SECTOR) / SECTORS_PER_CLUSTER)
#define FIRST_CLUSTER 2
#define END_OF_CHAIN 0x0fffffffu
#define MEDIA_FIXED 0xf8
#define DATE_1980_01_01 0x0021

#define ATTRIBUTE_VOLUME 0x08
#define ATTRIBUTE_ARCHIVE 0x20
#define ATTRIBUTE_LONG_NAME 0x0f
#define LAST_LONG_ENTRY 0x40
#define LONG_NAME_CHARS 13
#define ENTRY_BYTES 32
#define MAX_NAME 255
#define MAX_FILES 1000

G_STATIC_ASSERT(FAT_SECTORS * SECTOR / 4 >= CLUSTER_COUNT + FIRST_CLUSTER);
G_STATIC_ASSERT(CLUSTER_COUNT >= 65525); /* fewer would make it FAT16 */

typedef struct {
  char *name;
  GBytes *content;
  guint32 first_cluster;
} File;

static void file_free(gpointer data) {
  File *file = data;
  g_free(file->name);
  g_clear_pointer(&file->content, g_bytes_unref);
  g_free(file);
}

static void put16(guint8 *at, guint16 value) {
  value = GUINT16_TO_LE(value);
  memcpy(at, &value, sizeof value);
}

static void put32(guint8 *at, guint32 value) {
  value = GUINT32_TO_LE(value);
  memcpy(at, &value, sizeof value);
}

static guint32 clusters_for(gsize bytes) { return (guint32)((bytes + CLUSTER - 1) / CLUSTER); }

/* ---- what goes in ---- */

static gboolean name_is_plain(const char *name) {
  for (const char *c = name; *c; c++)
    if (*c < 0x20 || *c > 0x7e || strchr("\"*/:<>?\\|", *c))
      return FALSE;
  return strlen(name) <= MAX_NAME;
}

static gboolean add_file(GPtrArray *files, const char *dir, const char *name, GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  struct stat st;
  if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
    return TRUE;
  if (!name_is_plain(name) || files->len >= MAX_FILES) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: this name can not be shared", path);
    return FALSE;
  }
  GBytes *content = file_read_nofollow(path, FAT_IMAGE_BYTES, error);
  if (!content)
    return FALSE;
  File *file = g_new0(File, 1);
  file->name = g_strdup(name);
  file->content = content;
  g_ptr_array_add(files, file);
  return TRUE;
}

static gint by_name(gconstpointer a, gconstpointer b) {
  return strcmp((*(const File *const *)a)->name, (*(const File *const *)b)->name);
}

static GPtrArray *collect(const char *dir, GError **error) {
  g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
  if (!entries) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "failed to read %s", dir);
    return NULL;
  }
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(file_free);
  const char *name;
  while ((name = g_dir_read_name(entries)))
    if (!add_file(files, dir, name, error))
      return NULL;
  g_ptr_array_sort(files, by_name);
  return g_steal_pointer(&files);
}

/* ---- structures on disk ---- */

static void put_label(guint8 *at, const char *label) {
  memset(at, ' ', FAT_LABEL_MAX);
  memcpy(at, label, MIN(strlen(label), FAT_LABEL_MAX));
}

static void make_boot_sector(guint8 sector[SECTOR], const char *label) {
  memset(sector, 0, SECTOR);
  memcpy(sector, "\xeb\x58\x90" "DSTACK  ", 11); /* jump and maker */
  put16(sector + 11, SECTOR);
  sector[13] = SECTORS_PER_CLUSTER;
  put16(sector + 14, RESERVED_SECTORS);
  sector[16] = FAT_COPIES;
  sector[21] = MEDIA_FIXED;
  put16(sector + 24, 32); /* sectors a track and heads: read by nobody, but expected */
  put16(sector + 26, 64);
  put32(sector + 32, TOTAL_SECTORS);
  put32(sector + 36, FAT_SECTORS);
  put32(sector + 44, FIRST_CLUSTER); /* of the root directory */
  put16(sector + 48, 1);             /* sector of the free-space summary */
  put16(sector + 50, BACKUP_BOOT_SECTOR);
  sector[64] = 0x80;
  sector[66] = 0x29; /* the three fields below are present */
  put32(sector + 67, 0xd57ac000);
  put_label(sector + 71, label);
  memcpy(sector + 82, "FAT32   ", 8);
  put16(sector + 510, 0xaa55);
}

static void make_summary_sector(guint8 sector[SECTOR], guint32 used_clusters) {
  memset(sector, 0, SECTOR);
  put32(sector, 0x41615252);
  put32(sector + 484, 0x61417272);
  put32(sector + 488, CLUSTER_COUNT - used_clusters);
  put32(sector + 492, FIRST_CLUSTER + used_clusters);
  put32(sector + 508, 0xaa550000);
}

static guint8 short_name_checksum(const guint8 name[11]) {
  guint8 sum = 0;
  for (guint i = 0; i < 11; i++)
    sum = (guint8)(((sum & 1) << 7) + (sum >> 1) + name[i]);
  return sum;
}

/* One part of a long name: 13 UTF-16 units, a zero after the last, 0xffff behind it. */
static void make_long_entry(guint8 entry[ENTRY_BYTES], const char *name, guint part, guint parts, guint8 checksum) {
  static const guint8 places[LONG_NAME_CHARS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
  memset(entry, 0, ENTRY_BYTES);
  entry[0] = (guint8)(part + 1) | (part + 1 == parts ? LAST_LONG_ENTRY : 0);
  entry[11] = ATTRIBUTE_LONG_NAME;
  entry[13] = checksum;
  gsize len = strlen(name);
  for (guint i = 0; i < LONG_NAME_CHARS; i++) {
    gsize at = part * LONG_NAME_CHARS + i;
    put16(entry + places[i], at < len ? (guint16)name[at] : (at == len ? 0 : 0xffff));
  }
}

static void append_file_entries(GByteArray *directory, const File *file, guint number) {
  guint8 entry[ENTRY_BYTES], short_name[12];
  (void)g_snprintf((char *)short_name, sizeof short_name, "FILE%04u   ", number); /* only long names are ever used */
  guint8 checksum = short_name_checksum(short_name);
  guint parts = (guint)((strlen(file->name) + LONG_NAME_CHARS - 1) / LONG_NAME_CHARS);
  for (guint part = parts; part-- > 0;) {
    make_long_entry(entry, file->name, part, parts, checksum);
    g_byte_array_append(directory, entry, sizeof entry);
  }
  memset(entry, 0, sizeof entry);
  memcpy(entry, short_name, 11);
  entry[11] = ATTRIBUTE_ARCHIVE;
  put16(entry + 16, DATE_1980_01_01);
  put16(entry + 18, DATE_1980_01_01);
  put16(entry + 20, (guint16)(file->first_cluster >> 16));
  put16(entry + 24, DATE_1980_01_01);
  put16(entry + 26, (guint16)file->first_cluster);
  put32(entry + 28, (guint32)g_bytes_get_size(file->content));
  g_byte_array_append(directory, entry, sizeof entry);
}

static GByteArray *make_directory(GPtrArray *files, const char *label) {
  GByteArray *directory = g_byte_array_new();
  guint8 volume[ENTRY_BYTES] = {0};
  put_label(volume, label);
  volume[11] = ATTRIBUTE_VOLUME;
  put16(volume + 24, DATE_1980_01_01);
  g_byte_array_append(directory, volume, sizeof volume);
  for (guint i = 0; i < files->len; i++)
    append_file_entries(directory, files->pdata[i], i);
  return directory;
}

static void append_chain(GByteArray *table, guint32 clusters) {
  for (guint32 i = 0; i < clusters; i++) {
    guint8 entry[4];
    guint32 next = table->len / sizeof entry + 1;
    put32(entry, i + 1 == clusters ? END_OF_CHAIN : next);
    g_byte_array_append(table, entry, sizeof entry);
  }
}

/* ---- the image ---- */

typedef struct {
  GByteArray *table, *directory;
} Layout;

static void layout_clear(Layout *layout) {
  g_clear_pointer(&layout->table, g_byte_array_unref);
  g_clear_pointer(&layout->directory, g_byte_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Layout, layout_clear)

static gboolean lay_out(GPtrArray *files, const char *label, Layout *layout, GError **error) {
  g_autoptr(GByteArray) sizing = make_directory(files, label);
  guint32 next = FIRST_CLUSTER + clusters_for(sizing->len);
  guint64 needed = clusters_for(sizing->len);
  for (guint i = 0; i < files->len; i++) {
    File *file = files->pdata[i];
    guint32 clusters = clusters_for(g_bytes_get_size(file->content));
    file->first_cluster = clusters ? next : 0;
    next += clusters;
    needed += clusters;
  }
  if (needed > CLUSTER_COUNT) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "the shared files do not fit into %d MiB",
                FAT_IMAGE_BYTES / (1024 * 1024));
    return FALSE;
  }
  layout->directory = make_directory(files, label); /* now with the right first clusters */
  layout->table = g_byte_array_new();
  guint8 head[8];
  put32(head, 0x0fffff00u | MEDIA_FIXED);
  put32(head + 4, END_OF_CHAIN);
  g_byte_array_append(layout->table, head, sizeof head);
  append_chain(layout->table, clusters_for(layout->directory->len));
  for (guint i = 0; i < files->len; i++)
    append_chain(layout->table, clusters_for(g_bytes_get_size(((File *)files->pdata[i])->content)));
  return TRUE;
}

static gboolean write_at(int fd, guint64 sector, const void *data, gsize len) {
  return pwrite(fd, data, len, (off_t)(sector * SECTOR)) == (ssize_t)len;
}

static guint64 cluster_sector(guint32 cluster) {
  return DATA_SECTOR + (guint64)(cluster - FIRST_CLUSTER) * SECTORS_PER_CLUSTER;
}

static gboolean write_image(int fd, GPtrArray *files, const Layout *layout, const char *label) {
  guint8 boot[SECTOR], summary[SECTOR];
  make_boot_sector(boot, label);
  make_summary_sector(summary, layout->table->len / 4 - FIRST_CLUSTER);
  gboolean ok = ftruncate(fd, FAT_IMAGE_BYTES) == 0; /* what is not written below stays a hole of zeros */
  for (guint copy = 0; copy < 2; copy++)
    ok = ok && write_at(fd, copy * BACKUP_BOOT_SECTOR, boot, SECTOR) &&
         write_at(fd, copy * BACKUP_BOOT_SECTOR + 1, summary, SECTOR);
  for (guint copy = 0; copy < FAT_COPIES; copy++)
    ok = ok && write_at(fd, RESERVED_SECTORS + copy * FAT_SECTORS, layout->table->data, layout->table->len);
  ok = ok && write_at(fd, cluster_sector(FIRST_CLUSTER), layout->directory->data, layout->directory->len);
  for (guint i = 0; i < files->len && ok; i++) {
    const File *file = files->pdata[i];
    gsize len;
    const void *data = g_bytes_get_data(file->content, &len);
    ok = len == 0 || write_at(fd, cluster_sector(file->first_cluster), data, len);
  }
  return ok && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
}

gboolean fat_image_write(const char *image_path, const char *dir, const char *label, GError **error) {
  g_autoptr(GPtrArray) files = collect(dir, error);
  g_auto(Layout) layout = {0};
  if (!files || !lay_out(files, label, &layout, error))
    return FALSE;
  g_autofree char *temp = g_strdup_printf("%s.XXXXXX", image_path);
  int fd = mkostemp(temp, O_CLOEXEC);
  gboolean written = fd >= 0 && write_image(fd, files, &layout, label);
  int reason = errno;
  if (fd >= 0)
    (void)close(fd); /* synced already */
  if (!written)
    dstack_set_errno(error, reason, "failed to write %s", image_path);
  if (written && file_rename_durable(temp, image_path, error))
    return TRUE;
  (void)unlink(temp);
  return FALSE;
}
