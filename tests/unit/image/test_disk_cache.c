/* Measurements on disk are believed without the image being there: only where nobody else can have put them. */
#include "base/error.h"
#include "base/file.h"
#include "image/disk_cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "0011223344556677889900112233445566778899001122334455667788990011"

static const guint8 hash[32] = {7};

static char *cache_with_entry(void) {
  char *dir = g_dir_make_tmp("dstack-cache-XXXXXX", NULL);
  ImageExpectation expectation = {.version = (char *)"0.5.5", .is_dev = TRUE};
  memset(expectation.measurements.mrtd, 9, 48);
  measurements_write(dir, KEY, &expectation);
  return dir;
}

static gboolean is_hit(const char *dir) {
  g_autoptr(ImageExpectation) found = measurements_read(dir, KEY, hash);
  if (!found)
    return FALSE;
  g_assert_cmpint(found->measurements.mrtd[47], ==, 9);
  g_assert_cmpmem(found->hash, 32, hash, 32);
  g_assert_true(found->is_dev);
  return TRUE;
}

static void test_hit(void) {
  g_autofree char *dir = cache_with_entry();
  g_assert_true(is_hit(dir));
  g_assert_true(file_remove_tree(dir, NULL));
}

/* Each of the two directories that lead to an entry. */
static void test_writable_by_others(void) {
  g_autofree char *dir = cache_with_entry(), *entries = g_build_filename(dir, "measurements", NULL);
  for (guint mode = 0; mode < 2; mode++) {
    g_assert_cmpint(chmod(entries, mode ? 0775 : 0757), ==, 0);
    g_assert_false(is_hit(dir));
    g_assert_cmpint(chmod(entries, 0755), ==, 0);
    g_assert_cmpint(chmod(dir, mode ? 0720 : 0702), ==, 0);
    g_assert_false(is_hit(dir));
    g_assert_cmpint(chmod(dir, 0700), ==, 0);
    g_assert_true(is_hit(dir));
  }
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_of_another_user(void) {
  if (geteuid() != 0) {
    g_test_skip("only root can give a directory away");
    return;
  }
  g_autofree char *dir = cache_with_entry(), *entries = g_build_filename(dir, "measurements", NULL);
  g_assert_cmpint(chown(entries, 65534, 65534), ==, 0);
  g_assert_false(is_hit(dir));
  g_assert_cmpint(chown(entries, 0, 0), ==, 0);
  g_assert_cmpint(chown(dir, 65534, 65534), ==, 0);
  g_assert_false(is_hit(dir));
  const ImageStoreOptions options = {.cache_dir = dir};
  g_autoptr(GError) error = NULL;
  g_assert_null(image_store_new(&options, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_symlinks(void) {
  g_autofree char *dir = cache_with_entry(), *entries = g_build_filename(dir, "measurements", NULL);
  g_autofree char *elsewhere = g_build_filename(dir, "elsewhere", NULL);
  g_autofree char *entry = g_build_filename(entries, KEY ".json", NULL);
  g_autofree char *real_entry = g_build_filename(dir, "entry", NULL);
  g_assert_cmpint(rename(entry, real_entry), ==, 0);
  g_assert_cmpint(symlink(real_entry, entry), ==, 0);
  g_assert_false(is_hit(dir));
  g_assert_cmpint(rename(real_entry, entry), ==, 0);
  g_assert_true(is_hit(dir));
  g_assert_cmpint(rename(entries, elsewhere), ==, 0);
  g_assert_cmpint(symlink(elsewhere, entries), ==, 0);
  g_assert_false(is_hit(dir));
  g_assert_true(file_remove_tree(dir, NULL));
}

/* A full directory starts again from nothing, but only what is ours goes. */
static void test_full(void) {
  g_autofree char *dir = cache_with_entry(), *entries = g_build_filename(dir, "measurements", NULL);
  for (guint i = 0; i < 1100; i++) {
    g_autofree char *name = g_strdup_printf(i % 2 ? "notes-%u.json" : "%064x.json", i);
    g_autofree char *path = g_build_filename(entries, name, NULL);
    g_assert_true(g_file_set_contents(path, "{}", 2, NULL));
  }
  const ImageExpectation expectation = {.version = NULL};
  measurements_write(dir, KEY, &expectation);
  g_autoptr(GDir) left = g_dir_open(entries, 0, NULL);
  guint n = 0;
  for (const char *name; (name = g_dir_read_name(left)) != NULL; n++)
    g_assert_true(g_str_has_prefix(name, "notes-") || g_str_equal(name, KEY ".json"));
  g_assert_cmpuint(n, ==, 551);
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/disk-cache/hit", test_hit);
  g_test_add_func("/image/disk-cache/writable-by-others", test_writable_by_others);
  g_test_add_func("/image/disk-cache/of-another-user", test_of_another_user);
  g_test_add_func("/image/disk-cache/symlinks", test_symlinks);
  g_test_add_func("/image/disk-cache/full", test_full);
  return g_test_run();
}
