/* The shared disk, judged by the tools people use: fsck.fat and mtools (skipped where they are not installed). */
#include "vmm/fat_image.h"

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *dir, const char *name, const char *data, gsize len) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_assert_true(file_write_atomic(path, data, len, 0600, NULL));
}

static char *run(const char *const *argv) {
  g_autoptr(GError) error = NULL;
  char *output = NULL;
  process_check(argv, &output, &error);
  g_assert_no_error(error);
  return output;
}

static void test_readable(void) {
  g_autofree char *mtype = g_find_program_in_path("mtype"), *fsck = g_find_program_in_path("fsck.fat");
  if (!mtype || !fsck) {
    g_test_skip("mtools or dosfstools is not installed");
    return;
  }
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-fat-XXXXXX", NULL);
  g_autofree char *shared = g_build_filename(dir, "shared", NULL), *image = g_build_filename(dir, "shared.img", NULL);
  g_assert_true(file_make_dirs(shared, 0700, NULL));
  g_autofree char *big = g_strnfill(300000, 'b');
  put(shared, "app-compose.json", big, 300000);
  put(shared, ".sys-config.json", "{\"a\":1}", 7);
  put(shared, ".user-config", "", 0);
  put(shared, "a-name-of-just-26-chars-ok", "26", 2); /* two long entries, filled to the last place */
  g_autofree char *link = g_build_filename(shared, "link", NULL), *folder = g_build_filename(shared, "folder", NULL);
  g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
  g_assert_true(file_make_dirs(folder, 0700, NULL));
  g_assert_true(fat_image_write(image, shared, "DSTACKSHR", &error));
  g_assert_no_error(error);
  struct stat st;
  g_assert_cmpint(stat(image, &st), ==, 0);
  g_assert_cmpint(st.st_size, ==, FAT_IMAGE_BYTES);
  g_assert_cmpint(st.st_blocks * 512, <, 4 * 1024 * 1024); /* sparse */
  g_assert_cmpint(st.st_mode & 0777, ==, 0644);
  g_free(run((const char *const[]){"fsck.fat", "-n", image, NULL}));
  g_autofree char *listing = run((const char *const[]){"mdir", "-b", "-a", "-i", image, "::", NULL});
  g_assert_cmpstr(listing, ==, "::/.sys-config.json\n::/.user-config\n::/a-name-of-just-26-chars-ok\n::/app-compose.json\n");
  g_autofree char *label = run((const char *const[]){"mlabel", "-s", "-i", image, "::", NULL});
  g_assert_nonnull(strstr(label, "DSTACKSHR"));
  g_autofree char *compose = run((const char *const[]){"mtype", "-i", image, "::app-compose.json", NULL});
  g_assert_cmpstr(compose, ==, big);
  g_autofree char *other = g_build_filename(dir, "again.img", NULL);
  g_assert_true(fat_image_write(other, shared, "DSTACKSHR", &error));
  g_free(run((const char *const[]){"cmp", image, other, NULL}));
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_refused(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-fat-XXXXXX", NULL);
  g_autofree char *image = g_build_filename(dir, "shared.img", NULL), *huge = g_build_filename(dir, "huge", NULL);
  g_assert_false(fat_image_write(image, "/no/such/folder", "DSTACKSHR", NULL));
  put(dir, "huge", "", 0);
  g_assert_cmpint(truncate(huge, FAT_IMAGE_BYTES), ==, 0);
  g_assert_false(fat_image_write(image, dir, "DSTACKSHR", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
  g_clear_error(&error);
  g_assert_cmpint(unlink(huge), ==, 0);
  put(dir, "bad?name", "", 0);
  g_assert_false(fat_image_write(image, dir, "DSTACKSHR", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_false(g_file_test(image, G_FILE_TEST_EXISTS));
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/vmm/fat/readable", test_readable);
  g_test_add_func("/vmm/fat/refused", test_refused);
  return g_test_run();
}
