#include "download.h"

#include "base/error.h"

#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 20000L
#define MAX_REDIRECTS 10L
/* A server that trickles is one that hangs. */
#define SLOW_BYTES_PER_SECOND 1024L
#define SLOW_SECONDS 30L

typedef struct {
  int fd;
  guint64 bytes_left;
  gboolean too_large;
  int write_error;
} Sink;

static size_t receive(char *data, size_t size, size_t n, void *user_data) {
  Sink *sink = user_data;
  size_t len = size * n;
  if (len > sink->bytes_left) {
    sink->too_large = TRUE;
    return CURL_WRITEFUNC_ERROR;
  }
  for (size_t done = 0; done < len;) {
    ssize_t written = write(sink->fd, data + done, len - done);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0) {
      sink->write_error = errno;
      return CURL_WRITEFUNC_ERROR;
    }
    done += (size_t)written;
  }
  sink->bytes_left -= len;
  return len;
}

static void set_options(CURL *curl, const char *url, Sink *sink, const DownloadLimits *limits) {
  gboolean secure = g_ascii_strncasecmp(url, "https:", 6) == 0;
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "dstack/" DSTACK_VERSION);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)MIN(limits->timeout_ms, G_MAXINT32));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_SECOND);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
}

static gboolean fail(GError **error, DstackErrorCode code, const char *url, const char *why) {
  g_set_error(error, DSTACK_ERROR, code, "failed to download %s: %s", url, why);
  return FALSE;
}

static gboolean judge(CURL *curl, CURLcode result, const char *url, const Sink *sink, GError **error) {
  if (sink->too_large || result == CURLE_FILESIZE_EXCEEDED)
    return fail(error, DSTACK_ERROR_TOO_LARGE, url, "it is too large");
  if (sink->write_error) {
    dstack_set_errno(error, sink->write_error, "failed to download %s: failed to write", url);
    return FALSE;
  }
  if (result == CURLE_OPERATION_TIMEDOUT)
    return fail(error, DSTACK_ERROR_TIMEOUT, url, "it takes too long");
  if (result != CURLE_OK)
    return fail(error, DSTACK_ERROR_UNAVAILABLE, url, curl_easy_strerror(result));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status / 100 == 2)
    return TRUE;
  g_autofree char *why = g_strdup_printf("the server answers %ld", status);
  return fail(error, status == 404 ? DSTACK_ERROR_NOT_FOUND : DSTACK_ERROR_UNAVAILABLE, url, why);
}

gboolean image_download(const char *url, int fd, const DownloadLimits *limits, GError **error) {
  Sink sink = {.fd = fd, .bytes_left = limits->max_bytes};
  CURL *curl = curl_easy_init();
  if (!curl)
    return fail(error, DSTACK_ERROR_INTERNAL, url, "libcurl can not be used");
  set_options(curl, url, &sink, limits);
  CURLcode result = curl_easy_perform(curl);
  gboolean done = judge(curl, result, url, &sink, error);
  curl_easy_cleanup(curl);
  return done;
}
