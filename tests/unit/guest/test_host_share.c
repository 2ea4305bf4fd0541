/* Tests of the host-shared directory: which disk it is, and copying hostile files. */
#include "base/error.h"
#include "base/file.h"
#include "cvm/fat_label.h"
#include "cvm/host_share.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_sector(guint8 *sector, gsize label_offset, gsize type_offset, const char *type, const char *label) {
  memset(sector, 0, FAT_BOOT_SECTOR_SIZE);
  memcpy(sector + label_offset, label, FAT_LABEL_SIZE);
  memcpy(sector + type_offset, type, 8);
  sector[510] = 0x55;
  sector[511] = 0xaa;
}

static void test_label(void) {
  guint8 sector[FAT_BOOT_SECTOR_SIZE];
  char label[FAT_LABEL_SIZE + 1];
  make_sector(sector, 43, 54, "FAT16   ", "DSTACKSHR  ");
  g_assert_true(fat_label_parse(sector, sizeof sector, label));
  g_assert_cmpstr(label, ==, "DSTACKSHR");
  make_sector(sector, 71, 82, "FAT32   ", "ELEVENCHARS");
  g_assert_true(fat_label_parse(sector, sizeof sector, label));
  g_assert_cmpstr(label, ==, "ELEVENCHARS");
  g_assert_false(fat_label_parse(sector, sizeof sector - 1, label));
  sector[75] = '\n';
  g_assert_false(fat_label_parse(sector, sizeof sector, label));
  make_sector(sector, 43, 54, "NTFS    ", "DSTACKSHR  ");
  g_assert_false(fat_label_parse(sector, sizeof sector, label));
  make_sector(sector, 43, 54, "FAT12   ", "DSTACKSHR  ");
  sector[511] = 0;
  g_assert_false(fat_label_parse(sector, sizeof sector, label));
}

static void put(const char *directory, const char *name, const void *data, gsize len) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  g_autofree char *parent = g_path_get_dirname(path);
  g_assert_true(file_make_dirs(parent, 0755, NULL));
  g_assert_true(file_write_atomic(path, data, len, 0644, NULL));
}

static void test_find_device(void) {
  g_autofree char *root = g_dir_make_tmp("dstack-share-XXXXXX", NULL);
  g_autofree char *blocks = g_build_filename(root, "block", NULL);
  g_autofree char *dev = g_build_filename(root, "dev", NULL);
  guint8 sector[FAT_BOOT_SECTOR_SIZE];
  make_sector(sector, 43, 54, "FAT16   ", "SOMEDISK   ");
  put(root, "dev/vda", sector, sizeof sector);
  put(root, "block/vda/size", "1", 1);
  make_sector(sector, 43, 54, "FAT16   ", "DSTACKSHR  ");
  put(root, "dev/loop0", sector, sizeof sector); /* the host has no say over loop devices; a container might */
  put(root, "block/loop0/size", "1", 1);
  g_assert_null(host_share_find_device(blocks, dev));
  put(root, "dev/vdc1", sector, sizeof sector);
  put(root, "dev/vdc", "", 0);
  put(root, "block/vdc/vdc1/partition", "1", 1);
  g_autofree char *found = host_share_find_device(blocks, dev);
  g_assert_nonnull(found);
  g_assert_true(g_str_has_suffix(found, "/dev/vdc1"));
  g_assert_true(file_remove_tree(root, NULL));
}

typedef struct {
  char *root, *source, *target;
} Share;

static void share_make(Share *share) {
  share->root = g_dir_make_tmp("dstack-share-XXXXXX", NULL);
  share->source = g_build_filename(share->root, "source", NULL);
  share->target = g_build_filename(share->root, "target", NULL);
  put(share->source, "app-compose.json", "{}", 2);
  put(share->source, ".sys-config.json", "{}", 2);
}

static void share_drop(Share *share) {
  g_assert_true(file_remove_tree(share->root, NULL));
  g_free(share->root);
  g_free(share->source);
  g_free(share->target);
}

static void assert_copy_fails(Share *share, int code) {
  g_autoptr(GError) error = NULL;
  g_assert_false(host_share_copy(share->source, share->target, &error));
  g_assert_error(error, DSTACK_ERROR, code);
}

static void test_copy(void) {
  Share share;
  share_make(&share);
  put(share.source, ".user-config", "text", 4);
  put(share.source, "stranger", "x", 1);
  put(share.target, "left-over", "x", 1);
  g_assert_true(host_share_copy(share.source, share.target, NULL));
  g_autofree char *user_config = g_build_filename(share.target, ".user-config", NULL);
  g_autofree char *stranger = g_build_filename(share.target, "stranger", NULL);
  g_autofree char *left_over = g_build_filename(share.target, "left-over", NULL);
  struct stat state;
  g_assert_cmpint(stat(user_config, &state), ==, 0);
  g_assert_cmpuint(state.st_mode & 0777, ==, 0600);
  g_assert_cmpint(stat(share.target, &state), ==, 0);
  g_assert_cmpuint(state.st_mode & 0777, ==, 0700);
  g_assert_false(g_file_test(stranger, G_FILE_TEST_EXISTS));
  g_assert_false(g_file_test(left_over, G_FILE_TEST_EXISTS));
  share_drop(&share);
}

static void test_copy_hostile(void) {
  Share share;
  share_make(&share);
  g_autofree char *info = g_build_filename(share.source, ".instance_info", NULL);
  g_autofree char *compose = g_build_filename(share.source, "app-compose.json", NULL);
  g_assert_cmpint(symlink("/etc/shadow", info), ==, 0);
  g_autoptr(GError) error = NULL;
  g_assert_false(host_share_copy(share.source, share.target, &error));
  g_assert_nonnull(error);
  g_assert_cmpint(g_unlink(info), ==, 0);
  g_assert_cmpint(mkfifo(info, 0600), ==, 0); /* must not hang */
  assert_copy_fails(&share, DSTACK_ERROR_INVALID);
  g_assert_cmpint(g_unlink(info), ==, 0);
  g_assert_cmpint(g_mkdir(info, 0700), ==, 0);
  g_assert_false(host_share_copy(share.source, share.target, NULL));
  g_assert_cmpint(g_rmdir(info), ==, 0);
  g_assert_cmpint(g_unlink(compose), ==, 0);
  assert_copy_fails(&share, DSTACK_ERROR_NOT_FOUND);
  share_drop(&share);
}

static void test_copy_limits(void) {
  static const struct {
    const char *name;
    gsize max;
  } rows[] = {{"app-compose.json", 256 * 1024},
              {".sys-config.json", 32 * 1024},
              {".instance_info", 10 * 1024},
              {".encrypted-env", 256 * 1024},
              {".user-config", 1024 * 1024}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    Share share;
    share_make(&share);
    g_autofree char *content = g_strnfill(rows[i].max + 1, 'x');
    put(share.source, rows[i].name, content, rows[i].max);
    g_assert_true(host_share_copy(share.source, share.target, NULL));
    put(share.source, rows[i].name, content, rows[i].max + 1);
    assert_copy_fails(&share, DSTACK_ERROR_TOO_LARGE);
    share_drop(&share);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/host-share/label", test_label);
  g_test_add_func("/host-share/find", test_find_device);
  g_test_add_func("/host-share/copy", test_copy);
  g_test_add_func("/host-share/hostile", test_copy_hostile);
  g_test_add_func("/host-share/limits", test_copy_limits);
  return g_test_run();
}
