#include "os_image.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

#define MAX_EXPECTATIONS 64 /* a full cache starts again from nothing */
#define VM_CONFIG_MAX_SIZE (64 * 1024)

struct OsImages {
  char *dir;
  GMutex measuring; /* one image at a time: each is read whole */
  GMutex lock;
  GHashTable *known; /* SHA-256 of vm_config (GBytes*) -> OsExpectation*. Facts about bytes: they do not age. */
};

OsExpectation *os_expectation_ref(OsExpectation *expectation) { return g_atomic_rc_box_acquire(expectation); }

static void expectation_clear(gpointer data) {
  OsExpectation *expectation = data;
  measurements_clear(&expectation->measurements);
  g_free(expectation->version);
}

void os_expectation_unref(OsExpectation *expectation) { g_atomic_rc_box_release_full(expectation, expectation_clear); }

OsImages *os_images_new(const char *cache_dir) {
  OsImages *images = g_new0(OsImages, 1);
  images->dir = g_build_filename(cache_dir, "images", NULL);
  g_mutex_init(&images->measuring);
  g_mutex_init(&images->lock);
  images->known = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref,
                                        (GDestroyNotify)os_expectation_unref);
  return images;
}

void os_images_free(OsImages *images) {
  if (!images)
    return;
  g_hash_table_unref(images->known);
  g_mutex_clear(&images->lock);
  g_mutex_clear(&images->measuring);
  g_free(images->dir);
  g_free(images);
}

static OsExpectation *lookup(OsImages *images, GBytes *key) {
  g_mutex_lock(&images->lock);
  OsExpectation *found = g_hash_table_lookup(images->known, key);
  if (found)
    os_expectation_ref(found);
  g_mutex_unlock(&images->lock);
  return found;
}

static void remember(OsImages *images, GBytes *key, OsExpectation *expectation) {
  g_mutex_lock(&images->lock);
  if (g_hash_table_size(images->known) >= MAX_EXPECTATIONS)
    g_hash_table_remove_all(images->known);
  g_hash_table_replace(images->known, g_bytes_ref(key), os_expectation_ref(expectation));
  g_mutex_unlock(&images->lock);
}

static OsImage *open_image(const OsImages *images, const guint8 hash[32], GError **error) {
  g_autofree char *name = hex_encode(hash, 32);
  g_autofree char *dir = g_build_filename(images->dir, name, NULL);
  if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED,
                "image %s is not in the cache, and downloading images is not implemented yet", name);
    return NULL;
  }
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, error);
  if (!image)
    return NULL;
  if (image->has_os_image_hash && memcmp(image->os_image_hash, hash, 32) == 0)
    return g_steal_pointer(&image);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "image %s: its sha256sum.txt has another hash", name);
  return NULL;
}

static OsExpectation *measure(const OsImages *images, const char *vm_config, GError **error) {
  MeasureVm vm;
  guint8 hash[32];
  gboolean has_hash = FALSE;
  g_autoptr(GBytes) storage = NULL;
  if (!measure_vm_parse(vm_config, &vm, hash, &has_hash, &storage, error))
    return NULL;
  if (!has_hash) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "vm_config has no os_image_hash");
    return NULL;
  }
  g_autoptr(OsImage) image = open_image(images, hash, error);
  if (!image)
    return NULL;
  g_autoptr(OsExpectation) expectation = g_atomic_rc_box_new0(OsExpectation);
  if (!measure_image(image, &vm, &expectation->measurements, error))
    return NULL;
  memcpy(expectation->hash, hash, sizeof hash);
  expectation->is_dev = image->is_dev;
  expectation->version = g_strdup(image->version);
  return g_steal_pointer(&expectation);
}

OsExpectation *os_images_expect(OsImages *images, const char *vm_config, GError **error) {
  if (strlen(vm_config) > VM_CONFIG_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "vm_config is larger than %d bytes", VM_CONFIG_MAX_SIZE);
    return NULL;
  }
  guint8 digest[SHA256_SIZE];
  digest_sha256(vm_config, strlen(vm_config), digest);
  g_autoptr(GBytes) key = g_bytes_new(digest, sizeof digest);
  OsExpectation *expectation = lookup(images, key);
  if (expectation)
    return expectation;
  g_mutex_lock(&images->measuring);
  expectation = lookup(images, key); /* another request may have asked for the same meanwhile */
  if (!expectation && (expectation = measure(images, vm_config, error)))
    remember(images, key, expectation);
  g_mutex_unlock(&images->measuring);
  return expectation;
}

gboolean os_expectation_check(const OsExpectation *expectation, const TdReport *td, GError **error) {
  const Measurements *expected = &expectation->measurements;
  static const char *const names[] = {"MRTD", "RTMR0", "RTMR1", "RTMR2"};
  const guint8 *pairs[][2] = {{expected->mrtd, td->mr_td},
                              {expected->rtmr[0], td->rtmr[0]},
                              {expected->rtmr[1], td->rtmr[1]},
                              {expected->rtmr[2], td->rtmr[2]}};
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    if (memcmp(pairs[i][0], pairs[i][1], TDX_MR_SIZE) == 0)
      continue;
    g_autofree char *want = hex_encode(pairs[i][0], TDX_MR_SIZE), *have = hex_encode(pairs[i][1], TDX_MR_SIZE);
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "%s does not match: expected %s, the quote has %s",
                names[i], want, have);
    return FALSE;
  }
  return TRUE;
}
