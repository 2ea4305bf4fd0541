/* What stands in the cache of images is believed only as far as it proves itself. */
#include "image/store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

static const char metadata[] = "{\"kernel\":\"k\",\"initrd\":\"i\",\"cmdline\":\"console=ttyS0\"}";

static void put(const char *dir, const char *name, const char *text, GString *sums) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  if (!sums)
    return;
  guint8 digest[SHA256_SIZE];
  digest_sha256(text, strlen(text), digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_string_append_printf(sums, "%s  %s\n", hex, name);
}

/* A complete image in the directory `name`; `hash` gets what it really is. */
static void put_image(const char *cache_dir, const char *name, const char *kernel, guint8 hash[SHA256_SIZE]) {
  g_autofree char *dir = g_build_filename(cache_dir, "images", name, NULL);
  g_assert_true(file_make_dirs(dir, 0700, NULL));
  g_autoptr(GString) sums = g_string_new(NULL);
  put(dir, "metadata.json", metadata, sums);
  put(dir, "k", kernel, sums);
  put(dir, "i", "initrd", sums);
  put(dir, "sha256sum.txt", sums->str, NULL);
  digest_sha256(sums->str, sums->len, hash);
}

/* Every file is as its list says, but the list is another image's. */
static void test_under_another_name(void) {
  g_autofree char *cache_dir = g_dir_make_tmp("dstack-cache-XXXXXX", NULL);
  guint8 wanted[SHA256_SIZE], other[SHA256_SIZE];
  put_image(cache_dir, "first", "wanted kernel", wanted);
  g_autofree char *name = hex_encode(wanted, sizeof wanted);
  put_image(cache_dir, name, "wanted kernel", wanted);
  const ImageStoreOptions options = {.cache_dir = cache_dir};
  g_autoptr(GError) error = NULL;
  g_autoptr(ImageStore) store = image_store_new(&options, &error);
  g_assert_no_error(error);
  g_autoptr(OsImage) image = image_store_open(store, wanted, &error);
  g_assert_no_error(error);
  put_image(cache_dir, name, "another kernel", other);
  g_assert_null(image_store_open(store, wanted, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_assert_nonnull(strstr(error->message, "os_image_hash does not match"));
  g_assert_true(file_remove_tree(cache_dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/cache/under-another-name", test_under_another_name);
  return g_test_run();
}
