#include "prpc/request.h"

#include "prpc/page.h"
#include "prpc/uri.h"

#include <string.h>

#define HEAD_SIZE 512 /* bytes; most answers' heads fit */

PrpcHttpRequest *prpc_request_new(PrpcConnection *connection, const PrpcRouter *router, const PrpcPeer *peer,
                                  Http1Head *head) {
  PrpcHttpRequest *request = g_new0(PrpcHttpRequest, 1);
  request->connection = connection;
  request->router = router;
  request->peer = peer;
  request->head = head;
  request->target.status = 400;
  if (prpc_target_split(head->target, &request->path, &request->query))
    request->target = prpc_router_resolve(router, head->method, request->path);
  else
    request->query = g_strdup("");
  request->encoding = prpc_encoding_of(head, request->query);
  g_mutex_init(&request->stream.lock);
  g_cond_init(&request->stream.moved);
  return request;
}

void prpc_request_free(PrpcHttpRequest *request) {
  if (!request)
    return;
  http1_head_free(request->head);
  g_free(request->path);
  g_free(request->query);
  g_clear_pointer(&request->body, g_bytes_unref);
  g_free(request->content_type);
  g_strfreev(request->extra_headers);
  g_clear_pointer(&request->answer, g_bytes_unref);
  g_mutex_clear(&request->stream.lock);
  g_cond_clear(&request->stream.moved);
  g_free(request);
}

/* ---- what routes may ask ---- */

const char *prpc_http_method(PrpcHttpRequest *request) { return request->head->method; }
const char *prpc_http_path(PrpcHttpRequest *request) { return request->path ? request->path : ""; }
const char *prpc_http_query(PrpcHttpRequest *request) { return request->query; }
GBytes *prpc_http_body(PrpcHttpRequest *request) { return request->body; }
const PrpcPeer *prpc_http_peer(PrpcHttpRequest *request) { return request->peer; }

const char *prpc_http_header(PrpcHttpRequest *request, const char *name) {
  g_autofree char *lower = g_ascii_strdown(name, -1);
  return http1_header(request->head, lower);
}

char *prpc_http_query_value(PrpcHttpRequest *request, const char *name) {
  return prpc_query_find(request->query, name);
}

/* ---- answers ---- */

void prpc_request_answer_bytes(PrpcHttpRequest *request, int status, const char *content_type, GBytes *body) {
  if (request->answered) {
    g_bytes_unref(body);
    return;
  }
  request->answered = TRUE;
  request->status = status;
  request->content_type = g_strdup(content_type);
  request->answer = body;
}

void prpc_request_answer_page(PrpcHttpRequest *request, int status) {
  const char *content_type;
  GBytes *page = prpc_page(status, http1_header(request->head, "accept"), &content_type);
  prpc_request_answer_bytes(request, status, content_type, page);
}

void prpc_request_answer_error(PrpcHttpRequest *request, const char *text) {
  prpc_request_answer_bytes(request, 400, prpc_encoding_content_type(request->encoding),
                            prpc_encode_error(request->encoding, text));
}

void prpc_http_reply(PrpcHttpRequest *request, int status, const char *content_type, const void *body, gsize len,
                     const char *const *extra_headers) {
  request->extra_headers = request->answered ? request->extra_headers : g_strdupv((char **)extra_headers);
  prpc_request_answer_bytes(request, status, content_type, g_bytes_new(body, len));
}

/* ---- bytes of an answer ---- */

static void append_date(GString *out) {
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  g_string_append_printf(out, "date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + 3 * utc.tm_wday, utc.tm_mday,
                         months + 3 * utc.tm_mon, utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static void append_status(GString *out, int status) {
  g_string_append_printf(out, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
}

/* A header with a line break inside would let its author write the rest of the answer. */
static void append_header(GString *out, const char *header) {
  if (strpbrk(header, "\r\n"))
    return;
  g_string_append(out, header);
  g_string_append(out, "\r\n");
}

static void append_common_headers(const PrpcHttpRequest *request, GString *out) {
  g_string_append(out, "server: ");
  append_header(out, request->router->ident);
  g_string_append(out, "x-content-type-options: nosniff\r\n"
                       "x-frame-options: SAMEORIGIN\r\n"
                       "permissions-policy: interest-cohort=()\r\n");
  for (guint i = 0; i < request->router->headers->len; i++)
    append_header(out, request->router->headers->pdata[i]);
  for (char **extra = request->extra_headers; extra && *extra; extra++)
    append_header(out, *extra);
}

static gboolean has_no_body(int status) { return status == 204 || status == 304; }

static void append_framing(const PrpcHttpRequest *request, GString *out, gssize len, gboolean keep_alive) {
  if (len >= 0 && !has_no_body(request->status))
    g_string_append_printf(out, "content-length: %zd\r\n", len);
  if (len < 0 && request->stream.chunked)
    g_string_append(out, "transfer-encoding: chunked\r\n");
  if (!keep_alive)
    g_string_append(out, "connection: close\r\n");
  else if (request->head->minor == 0)
    g_string_append(out, "connection: keep-alive\r\n");
}

/* Ends the head and hands it over. */
static void finish_head(GString *head, struct evbuffer *out) {
  append_date(head);
  g_string_append(head, "\r\n");
  evbuffer_add(out, head->str, head->len);
  g_string_free(head, TRUE);
}

void prpc_request_write_head(const PrpcHttpRequest *request, struct evbuffer *out, gssize len, gboolean keep_alive) {
  GString *head = g_string_sized_new(HEAD_SIZE);
  append_status(head, request->status);
  if (request->content_type && !strpbrk(request->content_type, "\r\n")) {
    g_string_append(head, "content-type: ");
    append_header(head, request->content_type);
  }
  append_common_headers(request, head);
  append_framing(request, head, len, keep_alive);
  finish_head(head, out);
}

static void release_bytes(const void *data, size_t len, void *bytes) {
  (void)data, (void)len; /* they belong to the GBytes */
  g_bytes_unref(bytes);
}

void prpc_request_write_answer(const PrpcHttpRequest *request, struct evbuffer *out, gboolean keep_alive) {
  gsize len;
  const void *data = g_bytes_get_data(request->answer, &len);
  prpc_request_write_head(request, out, (gssize)len, keep_alive);
  if (len > 0 && strcmp(request->head->method, "HEAD") != 0 && !has_no_body(request->status))
    evbuffer_add_reference(out, data, len, release_bytes, g_bytes_ref(request->answer));
}

void prpc_write_bare_status(struct evbuffer *out, int status) {
  GString *head = g_string_sized_new(HEAD_SIZE);
  append_status(head, status);
  g_string_append(head, "content-length: 0\r\nconnection: close\r\n");
  finish_head(head, out);
}
