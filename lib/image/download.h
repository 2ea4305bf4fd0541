/* One bounded download over HTTP. */
#pragma once

#include <glib.h>

typedef struct {
  guint64 max_bytes;
  guint64 timeout_ms; /* from the first look-up to the last byte */
} DownloadLimits;

/* GETs `url` into `fd`. Follows a few redirects, to HTTP or HTTPS only, and never from HTTPS to HTTP. Errors: TIMEOUT,
 * TOO_LARGE, NOT_FOUND (404), UNAVAILABLE (all else of the network), IO (a full disk). */
gboolean image_download(const char *url, int fd, const DownloadLimits *limits, GError **error);
