#include "store.h"

#include "fetch.h"
#include "staging.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"

#include <string.h>

#define DEFAULT_TIMEOUT_MS (300 * 1000)
#define DEFAULT_MAX_ARCHIVE (G_GUINT64_CONSTANT(2) << 30)
#define DEFAULT_MAX_UNPACKED (G_GUINT64_CONSTANT(4) << 30)
#define MAX_MEMBERS 64
#define MAX_DOWNLOADS 2  /* at a time: a hash is anybody's claim until an image has it */
#define MAX_FAILURES 256 /* remembered; a full list starts again from nothing */
#define RETRY_AFTER (30 * G_USEC_PER_SEC)
#define HASH_SIZE 32
#define HASH_DIGITS 64

struct ImageStore {
  char *cache_dir, *images_dir, *staging_dir, *download_url;
  DownloadLimits download;
  ArchiveLimits archive;
  GMutex lock;
  GCond changed;
  GHashTable *under_way; /* hashes (hex) being fetched */
  GHashTable *failures;  /* hash (hex) -> Failure* */
  ImageStoreCounts counts;
};

typedef struct {
  gint64 at; /* monotonic, microseconds */
  GError *error;
} Failure;

static void failure_free(gpointer data) {
  Failure *failure = data;
  g_error_free(failure->error);
  g_free(failure);
}

ImageStore *image_store_new(const ImageStoreOptions *options, GError **error) {
  if (!file_make_dirs(options->cache_dir, 0755, error) || !file_check_private_dir(options->cache_dir, FALSE, error))
    return NULL;
  ImageStore *store = g_new0(ImageStore, 1);
  store->cache_dir = g_strdup(options->cache_dir);
  store->images_dir = g_build_filename(options->cache_dir, "images", NULL);
  store->staging_dir = g_build_filename(store->images_dir, "tmp", NULL);
  store->download_url = g_strdup(options->download_url);
  store->download.timeout_ms = options->download_timeout_ms ? options->download_timeout_ms : DEFAULT_TIMEOUT_MS;
  store->download.max_bytes = options->max_archive_bytes ? options->max_archive_bytes : DEFAULT_MAX_ARCHIVE;
  store->archive.max_bytes = options->max_unpacked_bytes ? options->max_unpacked_bytes : DEFAULT_MAX_UNPACKED;
  store->archive.max_members = MAX_MEMBERS;
  store->under_way = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  store->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, failure_free);
  g_mutex_init(&store->lock);
  g_cond_init(&store->changed);
  staging_sweep(store->staging_dir);
  return store;
}

void image_store_free(ImageStore *store) {
  if (!store)
    return;
  g_hash_table_unref(store->under_way);
  g_hash_table_unref(store->failures);
  g_mutex_clear(&store->lock);
  g_cond_clear(&store->changed);
  g_free(store->cache_dir);
  g_free(store->images_dir);
  g_free(store->staging_dir);
  g_free(store->download_url);
  g_free(store);
}

const char *image_store_cache_dir(const ImageStore *store) { return store->cache_dir; }

gboolean image_url_ok(const char *url) {
  return url && (g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://")) &&
         strstr(url, IMAGE_HASH_PLACEHOLDER);
}

static OsImage *open_cached(const ImageStore *store, const char *name, const guint8 hash[HASH_SIZE], GError **error) {
  g_autofree char *dir = g_build_filename(store->images_dir, name, NULL);
  g_autofree char *metadata = g_build_filename(dir, "metadata.json", NULL);
  if (!g_file_test(metadata, G_FILE_TEST_EXISTS)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "image %s is not in the cache", name);
    return NULL;
  }
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, error);
  if (!image || (image->has_os_image_hash && memcmp(image->os_image_hash, hash, HASH_SIZE) == 0))
    return g_steal_pointer(&image);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "image %s: os_image_hash does not match sha256sum of the sha256sum.txt", name);
  return NULL;
}

static gboolean fetch(const ImageStore *store, const char *name, const guint8 hash[HASH_SIZE], GError **error) {
  g_auto(GStrv) around = g_strsplit(store->download_url, IMAGE_HASH_PLACEHOLDER, -1);
  g_autofree char *url = g_strjoinv(name, around), *target = g_build_filename(store->images_dir, name, NULL);
  const ImageFetch plan = {.url = url,
                           .staging_dir = store->staging_dir,
                           .target = target,
                           .download = store->download,
                           .archive = store->archive};
  return image_fetch(&plan, hash, error);
}

static gboolean failed_lately(ImageStore *store, const char *name, GError **error) {
  const Failure *failure = g_hash_table_lookup(store->failures, name);
  if (!failure || g_get_monotonic_time() - failure->at > RETRY_AFTER)
    return FALSE;
  g_propagate_error(error, g_error_copy(failure->error));
  g_prefix_error(error, "tried a moment ago: ");
  return TRUE;
}

static void remember_failure(ImageStore *store, const char *name, const GError *error) {
  if (g_hash_table_size(store->failures) >= MAX_FAILURES)
    g_hash_table_remove_all(store->failures);
  Failure *failure = g_new0(Failure, 1);
  *failure = (Failure){g_get_monotonic_time(), g_error_copy(error)};
  g_hash_table_replace(store->failures, g_strdup(name), failure);
}

/* With the lock held, waits for another's download of the same image. Returns TRUE when this caller shall download,
 * FALSE with *done when another did, FALSE without when nobody shall. */
static gboolean claim(ImageStore *store, const char *name, gboolean *done, GError **error) {
  gint64 until = g_get_monotonic_time() + (gint64)store->download.timeout_ms * 1000;
  *done = FALSE;
  while (g_hash_table_contains(store->under_way, name)) {
    *done = TRUE;
    if (!g_cond_wait_until(&store->changed, &store->lock, until))
      break;
  }
  if (failed_lately(store, name, error)) {
    *done = FALSE;
    return FALSE;
  }
  if (*done)
    return FALSE;
  if (g_hash_table_size(store->under_way) >= MAX_DOWNLOADS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "too many images are being downloaded: try again");
    return FALSE;
  }
  g_hash_table_add(store->under_way, g_strdup(name));
  return TRUE;
}

static void release(ImageStore *store, const char *name, const GError *failure) {
  g_mutex_lock(&store->lock);
  g_hash_table_remove(store->under_way, name);
  store->counts.downloads++;
  if (failure) {
    store->counts.failures++;
    remember_failure(store, name, failure);
  }
  g_cond_broadcast(&store->changed);
  g_mutex_unlock(&store->lock);
}

static gboolean download(ImageStore *store, const char *name, const guint8 hash[HASH_SIZE], GError **error) {
  gboolean done;
  g_mutex_lock(&store->lock);
  gboolean mine = claim(store, name, &done, error);
  g_mutex_unlock(&store->lock);
  if (!mine)
    return done;
  g_autoptr(GError) failure = NULL;
  gboolean fetched = fetch(store, name, hash, &failure);
  release(store, name, failure);
  if (!fetched) {
    log_warn("%s", failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
  }
  return fetched;
}

OsImage *image_store_open(ImageStore *store, const guint8 hash[HASH_SIZE], GError **error) {
  g_autofree char *name = hex_encode(hash, HASH_SIZE);
  g_autoptr(GError) why = NULL;
  OsImage *image = open_cached(store, name, hash, &why);
  if (image)
    return image;
  if (!store->download_url) {
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
  }
  if (download(store, name, hash, error))
    return open_cached(store, name, hash, error);
  if (!g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    g_prefix_error(error, "%s; ", why->message);
  return NULL;
}

ImageStoreCounts image_store_counts(ImageStore *store) {
  g_mutex_lock(&store->lock);
  ImageStoreCounts counts = store->counts;
  g_mutex_unlock(&store->lock);
  return counts;
}

static gboolean is_hash(const char *text) {
  return strlen(text) == HASH_DIGITS && strspn(text, "0123456789abcdefABCDEF") == HASH_DIGITS;
}

static gboolean check_selector(const char *selector, GError **error) {
  if (!selector || !*selector || strcmp(selector, "all") == 0 || is_hash(selector))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid cache key");
  return FALSE;
}

/* Entries whose name is a hash and then `suffix`; others (downloads under way) are left alone. */
static gboolean clear_entries(const char *dir_path, const char *selector, const char *suffix, GError **error) {
  if (!selector || !*selector)
    return TRUE;
  g_autofree char *lower = g_ascii_strdown(selector, -1), *wanted = g_strconcat(lower, suffix, NULL);
  gboolean all = strcmp(selector, "all") == 0;
  g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *hash = g_strndup(name, HASH_DIGITS);
    g_autofree char *path = g_build_filename(dir_path, name, NULL);
    gboolean is_entry = is_hash(hash) && strcmp(name + HASH_DIGITS, suffix) == 0;
    if (is_entry && (all || strcmp(name, wanted) == 0) && !file_remove_tree(path, error))
      return FALSE;
  }
  return TRUE;
}

gboolean image_store_clear(ImageStore *store, const char *image_hash, const char *config_hash, GError **error) {
  g_autofree char *measurements = g_build_filename(store->cache_dir, "measurements", NULL);
  if (!check_selector(image_hash, error) || !check_selector(config_hash, error))
    return FALSE;
  g_mutex_lock(&store->lock);
  g_hash_table_remove_all(store->failures);
  g_mutex_unlock(&store->lock);
  return clear_entries(store->images_dir, image_hash, "", error) &&
         clear_entries(measurements, config_hash, ".json", error);
}
