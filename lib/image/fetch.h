/* Downloading one image: archive, unpacking, checks, and its place in the cache (spec: measurement 9.3 step 4). */
#pragma once

#include "archive.h"
#include "download.h"

#include <glib.h>

typedef struct {
  const char *url;         /* final, without a placeholder */
  const char *staging_dir; /* parent of the temporary directory, on the file system of `target` */
  const char *target;      /* where the image shall be */
  DownloadLimits download; /* its time is that of the whole operation */
  ArchiveLimits archive;   /* without a deadline of its own */
} ImageFetch;

/* Afterwards `target` is the image with `hash`, or on error what it was before. */
gboolean image_fetch(const ImageFetch *fetch, const guint8 hash[32], GError **error);
