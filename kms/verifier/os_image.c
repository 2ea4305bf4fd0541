#include "kms/verifier/os_image.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"

#include <string.h>

#define MAX_CACHED_ENTRY 4096
#define N_REGISTERS 4

static const char *const register_names[N_REGISTERS] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};

struct OsImageChecker {
  char *cache_dir;
  gboolean enabled;
  GMutex measuring; /* one image at a time: it costs memory and a core for seconds */
};

OsImageChecker *os_image_checker_new(const char *cache_dir, gboolean enabled) {
  OsImageChecker *checker = g_new0(OsImageChecker, 1);
  checker->cache_dir = g_strdup(cache_dir);
  checker->enabled = enabled;
  g_mutex_init(&checker->measuring);
  return checker;
}

void os_image_checker_free(OsImageChecker *checker) {
  if (!checker)
    return;
  g_mutex_clear(&checker->measuring);
  g_free(checker->cache_dir);
  g_free(checker);
}

typedef struct {
  guint8 values[N_REGISTERS][TDX_MR_SIZE];
} Registers;

static Registers quoted_registers(const TdReport *report) {
  Registers registers;
  memcpy(registers.values[0], report->mr_td, TDX_MR_SIZE);
  for (guint i = 1; i < N_REGISTERS; i++)
    memcpy(registers.values[i], report->rtmr[i - 1], TDX_MR_SIZE);
  return registers;
}

static gboolean compare(const Registers *expected, const Registers *quoted, const char *source, GError **error) {
  for (guint i = 0; i < N_REGISTERS; i++)
    if (memcmp(expected->values[i], quoted->values[i], TDX_MR_SIZE) != 0) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "mrs do not match%s: %s differs from the image's",
                  source, register_names[i]);
      return FALSE;
    }
  return TRUE;
}

static char *cache_path(OsImageChecker *checker, const VmConfig *config) {
  return g_build_filename(checker->cache_dir, "computed", config->cache_key, NULL);
}

/* An unreadable entry is none. */
static gboolean read_cached(OsImageChecker *checker, const VmConfig *config, Registers *out) {
  g_autofree char *path = cache_path(checker, config);
  g_autoptr(json_t) entry = json_parse_file(path, MAX_CACHED_ENTRY, NULL);
  if (!json_is_object(entry))
    return FALSE;
  for (guint i = 0; i < N_REGISTERS; i++) {
    const char *hex = json_get_string(entry, register_names[i], path, NULL);
    if (!hex || !hex_decode_fixed(hex, out->values[i], TDX_MR_SIZE, NULL))
      return FALSE;
  }
  return TRUE;
}

static void write_cached(OsImageChecker *checker, const VmConfig *config, const Registers *registers) {
  g_autofree char *path = cache_path(checker, config);
  g_autoptr(json_t) entry = json_object();
  for (guint i = 0; i < N_REGISTERS; i++) {
    g_autofree char *hex = hex_encode(registers->values[i], TDX_MR_SIZE);
    json_object_set_new(entry, register_names[i], json_string(hex));
  }
  g_autofree char *text = json_print(entry);
  g_autoptr(GError) error = NULL;
  if (!file_write_atomic(path, text, strlen(text), 0644, &error))
    log_warn("measurements are not cached: %s", error->message);
}

static OsImage *open_image(OsImageChecker *checker, const VmConfig *config, GError **error) {
  g_autofree char *hash = hex_encode(config->os_image_hash, KMS_IMAGE_HASH_SIZE);
  g_autofree char *dir = g_build_filename(checker->cache_dir, "images", hash, NULL);
  g_autofree char *metadata = g_build_filename(dir, "metadata.json", NULL);
  if (!g_file_test(metadata, G_FILE_TEST_EXISTS)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED,
                "image %s is not in the image cache, and downloading is not implemented yet", hash);
    return NULL;
  }
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, error);
  if (!image)
    return NULL;
  if (image->has_os_image_hash && memcmp(image->os_image_hash, config->os_image_hash, KMS_IMAGE_HASH_SIZE) == 0)
    return g_steal_pointer(&image);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "os_image_hash does not match sha256sum of the sha256sum.txt");
  return NULL;
}

static gboolean measure(OsImageChecker *checker, const VmConfig *config, Registers *out, GError **error) {
  g_autoptr(OsImage) image = open_image(checker, config, error);
  g_auto(Measurements) measured = {0};
  if (!image || !measure_image(image, &config->shape, &measured, error))
    return FALSE;
  memcpy(out->values[0], measured.mrtd, TDX_MR_SIZE);
  memcpy(out->values[1], measured.rtmr, sizeof measured.rtmr);
  return TRUE;
}

gboolean os_image_check(OsImageChecker *checker, const VmConfig *config, const TdReport *report, GError **error) {
  if (!checker->enabled)
    return TRUE;
  Registers quoted = quoted_registers(report);
  Registers expected;
  gboolean matches;
  if (read_cached(checker, config, &expected)) {
    matches = compare(&expected, &quoted, " (cached)", error);
  } else {
    g_mutex_lock(&checker->measuring);
    matches = measure(checker, config, &expected, error) && compare(&expected, &quoted, "", error);
    g_mutex_unlock(&checker->measuring);
    /* Only what a genuine TEE confirmed is kept, so that no caller can fill the cache with shapes that nobody runs. */
    if (matches)
      write_cached(checker, config, &expected);
  }
  if (!matches)
    g_prefix_error(error, "failed to verify os image hash: ");
  return matches;
}
