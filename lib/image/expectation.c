#include "expectation.h"

#include "disk_cache.h"

#include "base/error.h"
#include "base/hex.h"
#include "measure/document.h"

#include <string.h>

#define MAX_KNOWN 64 /* a full cache starts again from nothing */

struct ImageJudge {
  ImageStore *store;
  GMutex measuring; /* one image at a time: it is read whole */
  GMutex lock;
  GHashTable *known; /* cache key -> ImageExpectation*. Facts about bytes: they do not age. */
};

ImageExpectation *image_expectation_ref(ImageExpectation *expectation) { return g_atomic_rc_box_acquire(expectation); }

static void expectation_clear(gpointer data) {
  ImageExpectation *expectation = data;
  measurements_clear(&expectation->measurements);
  g_free(expectation->version);
}

void image_expectation_unref(ImageExpectation *expectation) {
  g_atomic_rc_box_release_full(expectation, expectation_clear);
}

ImageJudge *image_judge_new(ImageStore *store) {
  ImageJudge *judge = g_new0(ImageJudge, 1);
  judge->store = store;
  g_mutex_init(&judge->measuring);
  g_mutex_init(&judge->lock);
  judge->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)image_expectation_unref);
  return judge;
}

void image_judge_free(ImageJudge *judge) {
  if (!judge)
    return;
  g_hash_table_unref(judge->known);
  g_mutex_clear(&judge->lock);
  g_mutex_clear(&judge->measuring);
  g_free(judge);
}

static ImageExpectation *lookup(ImageJudge *judge, const char *key) {
  g_mutex_lock(&judge->lock);
  ImageExpectation *found = g_hash_table_lookup(judge->known, key);
  if (found)
    image_expectation_ref(found);
  g_mutex_unlock(&judge->lock);
  return found;
}

static void remember(ImageJudge *judge, const char *key, ImageExpectation *expectation) {
  g_mutex_lock(&judge->lock);
  if (g_hash_table_size(judge->known) >= MAX_KNOWN)
    g_hash_table_remove_all(judge->known);
  g_hash_table_replace(judge->known, g_strdup(key), image_expectation_ref(expectation));
  g_mutex_unlock(&judge->lock);
}

void image_judge_forget(ImageJudge *judge) {
  g_mutex_lock(&judge->lock);
  g_hash_table_remove_all(judge->known);
  g_mutex_unlock(&judge->lock);
}

/* What the claim's text says. */
typedef struct {
  MeasureVm vm;
  GBytes *storage; /* owns the strings of `vm` */
  guint8 hash[32];
  char *key;
} Shape;

static void shape_clear(Shape *shape) {
  g_clear_pointer(&shape->storage, g_bytes_unref);
  g_clear_pointer(&shape->key, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Shape, shape_clear)

static gboolean read_shape(const char *vm_config, Shape *out, GError **error) {
  gboolean has_hash = FALSE;
  if (strlen(vm_config) > VM_CONFIG_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "vm_config is larger than %d bytes", VM_CONFIG_MAX_SIZE);
    return FALSE;
  }
  if (!measure_vm_parse(vm_config, &out->vm, out->hash, &has_hash, &out->storage, error))
    return FALSE;
  if (has_hash)
    return (out->key = measure_vm_cache_key(vm_config, error)) != NULL;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "vm_config has no os_image_hash");
  return FALSE;
}

static ImageExpectation *measure(const OsImage *image, const Shape *shape, GError **error) {
  g_autoptr(ImageExpectation) expectation = g_atomic_rc_box_new0(ImageExpectation);
  if (!measure_image(image, &shape->vm, &expectation->measurements, error))
    return NULL;
  memcpy(expectation->hash, shape->hash, sizeof shape->hash);
  expectation->acpi_verified = TRUE;
  expectation->is_dev = image->is_dev;
  expectation->version = g_strdup(image->version);
  return g_steal_pointer(&expectation);
}

/* From memory, else from the image, which may have to be downloaded: nobody waits for that but who needs it. */
static ImageExpectation *expect_of_image(ImageJudge *judge, const Shape *shape, GError **error) {
  ImageExpectation *expectation = lookup(judge, shape->key);
  if (expectation)
    return expectation;
  g_autoptr(OsImage) image = image_store_open(judge->store, shape->hash, error);
  if (!image)
    return NULL;
  g_mutex_lock(&judge->measuring);
  expectation = lookup(judge, shape->key); /* another request may have asked for the same meanwhile */
  if (!expectation && (expectation = measure(image, shape, error)))
    remember(judge, shape->key, expectation);
  g_mutex_unlock(&judge->measuring);
  return expectation;
}

static gboolean compare(const Measurements *expected, const TdReport *quoted, GError **error) {
  static const char *const names[] = {"MRTD", "RTMR0", "RTMR1", "RTMR2"};
  const guint8 *pairs[][2] = {{expected->mrtd, quoted->mr_td},
                              {expected->rtmr[0], quoted->rtmr[0]},
                              {expected->rtmr[1], quoted->rtmr[1]},
                              {expected->rtmr[2], quoted->rtmr[2]}};
  g_autoptr(GString) differences = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    if (memcmp(pairs[i][0], pairs[i][1], TDX_MR_SIZE) == 0)
      continue;
    g_autofree char *want = hex_encode(pairs[i][0], TDX_MR_SIZE), *have = hex_encode(pairs[i][1], TDX_MR_SIZE);
    g_string_append_printf(differences, "%s%s mismatch: expected=%s, actual=%s", differences->len ? "; " : "", names[i],
                           want, have);
  }
  if (differences->len == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "mrs do not match: %s", differences->str);
  return FALSE;
}

static ImageExpectation *expect_of_document(const Shape *shape, TdxEventLog *quoted_log, GError **error) {
  const MeasureVm *vm = &shape->vm;
  g_autoptr(GBytes) sums = NULL, bytes = NULL;
  if (!vm->tdx_measurement || !quoted_log) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "vm_config.tdx_measurement is missing");
    return NULL;
  }
  if (!document_decode_pair(vm->tdx_checksum_file, vm->tdx_measurement, &sums, &bytes, error) ||
      !document_bind(sums, bytes, DOCUMENT_TDX_FILE, shape->hash, error))
    return NULL;
  g_autoptr(TdxDocument) document = tdx_document_parse(bytes, error);
  g_autoptr(ImageExpectation) expectation = g_atomic_rc_box_new0(ImageExpectation);
  if (!document ||
      !tdx_document_measure(document, vm, quoted_log, &expectation->measurements, &expectation->acpi_verified, error))
    return NULL;
  expectation->lite = TRUE;
  memcpy(expectation->hash, shape->hash, sizeof shape->hash);
  return g_steal_pointer(&expectation);
}

/* A hit in the disk cache that agrees is enough. One that does not may be a damaged file: then the image decides, where
 * it can be had. */
static ImageExpectation *expect(ImageJudge *judge, const Shape *shape, const ImageClaim *claim, GError **error) {
  const char *cache_dir = image_store_cache_dir(judge->store);
  g_autoptr(ImageExpectation) cached = claim->afresh ? NULL : measurements_read(cache_dir, shape->key, shape->hash);
  if (!cached)
    return expect_of_image(judge, shape, error);
  if (compare(&cached->measurements, claim->quoted, NULL))
    return g_steal_pointer(&cached);
  ImageExpectation *expectation = expect_of_image(judge, shape, NULL);
  return expectation ? expectation : g_steal_pointer(&cached);
}

gboolean image_judge_claim(ImageJudge *judge, const ImageClaim *claim, ImageExpectation **expectation, GError **error) {
  g_auto(Shape) shape = {0};
  *expectation = NULL;
  if (!read_shape(claim->vm_config, &shape, error))
    return FALSE;
  *expectation =
      shape.vm.lite ? expect_of_document(&shape, claim->quoted_log, error) : expect(judge, &shape, claim, error);
  if (!*expectation || !compare(&(*expectation)->measurements, claim->quoted, error))
    return FALSE;
  /* Only what a genuine TEE confirmed is kept, so that no caller can fill the cache with shapes that nobody runs. */
  if (!shape.vm.lite && (*expectation)->measurements.boot_log)
    measurements_write(image_store_cache_dir(judge->store), shape.key, *expectation);
  return TRUE;
}
