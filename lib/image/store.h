/* Operating system images by their hash: found in a cache, or downloaded into it, always checked (spec:
 * measurement 9.3, kms 7.6).
 *
 * Layout below the cache directory: images/<hash>/ (one image), images/tmp/ (downloads under way), measurements/ (what
 * was computed). An image appears under its hash in one step and complete, whenever the process is killed. */
#pragma once

#include "measure/measure.h"

#include <glib.h>

#define IMAGE_HASH_PLACEHOLDER "{OS_IMAGE_HASH}"

typedef struct ImageStore ImageStore;

typedef struct {
  const char *cache_dir;
  const char *download_url;    /* with IMAGE_HASH_PLACEHOLDER; NULL: nothing is downloaded */
  guint64 download_timeout_ms; /* download and unpacking; 0: 300 s */
  guint64 max_archive_bytes;   /* 0: 2 GiB */
  guint64 max_unpacked_bytes;  /* 0: 4 GiB */
} ImageStoreOptions;

/* Makes the cache directory where there is none, and removes what killed processes left in images/tmp/. Shared between
 * threads; several processes may share a directory. Error DENIED: others could write to it, and so decide which images
 * are genuine. */
ImageStore *image_store_new(const ImageStoreOptions *options, GError **error);
void image_store_free(ImageStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageStore, image_store_free)

/* The image with that hash, every file checked. A damaged one in the cache is downloaded anew. Concurrent requests for
 * one hash share one download; a failed one is not tried again for a while. Errors: NOT_FOUND (not here, not there),
 * TIMEOUT, TOO_LARGE, UNAVAILABLE (network, too many downloads at once), UNVERIFIED (a server that lies), IO (a full
 * disk). */
OsImage *image_store_open(ImageStore *store, const guint8 hash[32], GError **error);

/* Downloads since the start, for metrics. */
typedef struct {
  guint64 downloads, failures;
} ImageStoreCounts;
ImageStoreCounts image_store_counts(ImageStore *store);

/* Removes one image or all ("all"), and one entry of measurements or all; "" or NULL keeps. Error INVALID: neither of
 * these nor 64 hex digits. */
gboolean image_store_clear(ImageStore *store, const char *image_hash, const char *config_hash, GError **error);
const char *image_store_cache_dir(const ImageStore *store);

/* TRUE for an http(s) URL with the placeholder. */
gboolean image_url_ok(const char *url);
