#include "dcap/http.h"

#include "base/error.h"

#include <curl/curl.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 15000
#define STATUS_NOT_FOUND 404

struct DcapHttp {
  CURL *curl;
  gint64 deadline; /* monotonic microseconds */
  const gint *cancelled;
};

/* One request under way. */
typedef struct {
  GByteArray *body;
  GHashTable *headers;
  guint n_headers;
  const char *too_much; /* which limit was passed */
} Transfer;

static gpointer initialise(gpointer data) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return data;
}

static int on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
  (void)total, (void)now, (void)up_total, (void)up_now; /* sizes are bounded where the data arrives */
  const DcapHttp *http = data;
  return g_atomic_int_get(http->cancelled) || g_get_monotonic_time() > http->deadline;
}

static size_t on_body(char *data, size_t size, size_t count, void *user_data) {
  Transfer *transfer = user_data;
  if (size * count > DCAP_HTTP_MAX_BODY - transfer->body->len) {
    transfer->too_much = "body";
    return 0;
  }
  g_byte_array_append(transfer->body, (const guint8 *)data, (guint)(size * count));
  return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *user_data) {
  Transfer *transfer = user_data;
  gsize len = size * count;
  if (len > DCAP_HTTP_MAX_HEADER || transfer->n_headers++ > DCAP_HTTP_MAX_HEADERS) {
    transfer->too_much = "header";
    return 0;
  }
  const char *colon = memchr(data, ':', len);
  if (!colon)
    return len;
  g_autofree char *name = g_ascii_strdown(data, colon - data);
  char *value = g_strndup(colon + 1, len - (gsize)(colon + 1 - data));
  g_hash_table_replace(transfer->headers, g_steal_pointer(&name), g_strstrip(value));
  return len;
}

DcapHttp *dcap_http_new(guint timeout_ms, gboolean insecure_tls, const gint *cancelled) {
  static GOnce once = G_ONCE_INIT;
  g_once(&once, initialise, NULL);
  DcapHttp *http = g_new0(DcapHttp, 1);
  http->curl = curl_easy_init();
  http->deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  http->cancelled = cancelled;
  curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(http->curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(http->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(timeout_ms, CONNECT_TIMEOUT_MS));
  curl_easy_setopt(http->curl, CURLOPT_USERAGENT, "dstack/" DSTACK_VERSION);
  curl_easy_setopt(http->curl, CURLOPT_SSL_VERIFYPEER, insecure_tls ? 0L : 1L);
  curl_easy_setopt(http->curl, CURLOPT_SSL_VERIFYHOST, insecure_tls ? 0L : 2L);
  curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(http->curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(http->curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(http->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(http->curl, CURLOPT_XFERINFODATA, http);
  return http;
}

void dcap_http_free(DcapHttp *http) {
  if (!http)
    return;
  curl_easy_cleanup(http->curl);
  g_free(http);
}

void dcap_http_reply_clear(DcapHttpReply *reply) {
  g_clear_pointer(&reply->body, g_bytes_unref);
  g_clear_pointer(&reply->headers, g_hash_table_unref);
}

/* An address without its query, which may be long. */
static char *short_url(const char *url) { return g_strndup(url, strcspn(url, "?")); }

static gboolean fail(GError **error, DstackErrorCode code, const char *url, const char *why) {
  g_autofree char *name = short_url(url);
  g_set_error(error, DSTACK_ERROR, code, "%s: %s", name, why);
  return FALSE;
}

static gboolean judge(DcapHttp *http, const Transfer *transfer, CURLcode code, const char *url, GError **error) {
  long status = 0;
  if (transfer->too_much) {
    g_autofree char *why = g_strdup_printf("answer with too large a %s", transfer->too_much);
    return fail(error, DSTACK_ERROR_TOO_LARGE, url, why);
  }
  if (code == CURLE_ABORTED_BY_CALLBACK && g_atomic_int_get(http->cancelled))
    return fail(error, DSTACK_ERROR_UNAVAILABLE, url, "cancelled");
  if (code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_OPERATION_TIMEDOUT)
    return fail(error, DSTACK_ERROR_TIMEOUT, url, "no complete answer in time");
  if (code != CURLE_OK)
    return fail(error, DSTACK_ERROR_UNAVAILABLE, url, curl_easy_strerror(code));
  curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300)
    return TRUE;
  g_autofree char *why = g_strdup_printf("answered with status %ld", status);
  return fail(error, status == STATUS_NOT_FOUND ? DSTACK_ERROR_NOT_FOUND : DSTACK_ERROR_UNAVAILABLE, url, why);
}

gboolean dcap_http_get(DcapHttp *http, const char *url, DcapHttpReply *out, GError **error) {
  gint64 left_ms = (http->deadline - g_get_monotonic_time()) / 1000;
  if (strlen(url) > DCAP_HTTP_MAX_URL)
    return fail(error, DSTACK_ERROR_TOO_LARGE, url, "too long an address");
  if (left_ms <= 0)
    return fail(error, DSTACK_ERROR_TIMEOUT, url, "no time left to ask");
  Transfer transfer = {.body = g_byte_array_new(),
                       .headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
  curl_easy_setopt(http->curl, CURLOPT_URL, url);
  curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
  curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(http->curl, CURLOPT_HEADERDATA, &transfer);
  CURLcode code = curl_easy_perform(http->curl);
  *out = (DcapHttpReply){.body = g_byte_array_free_to_bytes(transfer.body), .headers = transfer.headers};
  if (judge(http, &transfer, code, url, error))
    return TRUE;
  dcap_http_reply_clear(out);
  return FALSE;
}
