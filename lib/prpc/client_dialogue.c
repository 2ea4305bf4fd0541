/* An exchange over a unix or vsock socket: one request, one answer, and the connection's end. */
#include "prpc/client_exchange.h"

#include "base/error.h"
#include "prpc/client_socket.h"
#include "prpc/http1.h"
#include "prpc/transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 32768

typedef struct {
  PrpcExchange *exchange;
  int fd;
  gint64 deadline; /* monotonic; 0: none */
  GString *head;   /* of the request */
  gsize sent;      /* of head and body together */
  GByteArray *in;  /* read and not yet understood */
  gsize scanned;
  Http1Head *answer;
  Http1Body body;
  gboolean until_close, ended, done;
  int *status;
} Dialogue;

static GString *make_head(const PrpcExchange *exchange) {
  const PrpcClient *client = exchange->client;
  GString *head = g_string_new(NULL);
  g_string_printf(head, "%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", exchange->verb, client->url.base,
                  exchange->path, client->url.host);
  if (exchange->content_type)
    g_string_append_printf(head, "Content-Type: %s\r\n", exchange->content_type);
  if (exchange->body_len > 0 || strcmp(exchange->verb, "POST") == 0)
    g_string_append_printf(head, "Content-Length: %zu\r\n", exchange->body_len);
  for (guint i = 0; i < client->headers->len; i++)
    g_string_append_printf(head, "%s\r\n", (const char *)client->headers->pdata[i]);
  g_string_append(head, "\r\n");
  return head;
}

static gsize left_to_send(const Dialogue *dialogue) {
  return dialogue->head->len + dialogue->exchange->body_len - dialogue->sent;
}

/* A server that has heard enough stops reading: its answer still counts, so a failed write is no error. */
static void send_some(Dialogue *dialogue) {
  gboolean in_head = dialogue->sent < dialogue->head->len;
  const char *from = in_head ? dialogue->head->str + dialogue->sent
                             : (const char *)dialogue->exchange->body + (dialogue->sent - dialogue->head->len);
  gsize len = in_head ? dialogue->head->len - dialogue->sent : left_to_send(dialogue);
  if (dialogue->exchange->client->url.kind != PRPC_ROUTE_UNIX)
    len = MIN(len, PRPC_VSOCK_MAX_WRITE);
  ssize_t n = send(dialogue->fd, from, len, MSG_NOSIGNAL);
  if (n >= 0)
    dialogue->sent += (gsize)n;
  else if (errno != EAGAIN && errno != EINTR)
    dialogue->sent += left_to_send(dialogue);
}

static gboolean malformed(GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the answer is not http");
  return FALSE;
}

static void start_body(Dialogue *dialogue) {
  const Http1Head *answer = dialogue->answer;
  gboolean none = strcmp(dialogue->exchange->verb, "HEAD") == 0 || answer->status == 204 || answer->status == 304;
  dialogue->done = none || (answer->has_length && answer->content_length == 0);
  dialogue->until_close = !answer->chunked && !answer->has_length;
  http1_body_init(&dialogue->body, answer, G_MAXUINT32); /* the exchange has the real bound */
}

/* Reads the head when it is complete; interim answers (1xx) are passed over. */
static gboolean read_head(Dialogue *dialogue, GError **error) {
  const char *data = (const char *)dialogue->in->data;
  gssize len = http1_head_length(data, dialogue->in->len, &dialogue->scanned);
  if (len <= 0)
    return len == 0 || malformed(error);
  g_autoptr(Http1Head) answer = http1_answer_parse(data, (gsize)len);
  if (!answer)
    return malformed(error);
  g_byte_array_remove_range(dialogue->in, 0, (guint)len);
  dialogue->scanned = 0;
  if (answer->status < 200)
    return read_head(dialogue, error);
  dialogue->answer = g_steal_pointer(&answer);
  *dialogue->status = dialogue->answer->status;
  start_body(dialogue);
  return TRUE;
}

static gboolean take(Dialogue *dialogue, const void *data, gsize len, GError **error) {
  GError *failure = NULL;
  if (len == 0 || prpc_exchange_take(dialogue->exchange, data, len, &failure))
    return TRUE;
  dialogue->done = TRUE; /* the sink had enough, or */
  if (!failure)
    return TRUE;
  g_propagate_error(error, failure);
  return FALSE;
}

static gboolean read_body(Dialogue *dialogue, GError **error) {
  GByteArray *in = dialogue->in, *content = dialogue->body.content;
  if (dialogue->until_close) {
    gboolean ok = take(dialogue, in->data, in->len, error);
    g_byte_array_set_size(in, 0);
    return ok;
  }
  gsize used;
  Http1BodyStatus status = http1_body_feed(&dialogue->body, in->data, in->len, &used);
  g_byte_array_remove_range(in, 0, (guint)used);
  if (status == HTTP1_BODY_MALFORMED || status == HTTP1_BODY_TOO_LARGE)
    return malformed(error);
  dialogue->done = status == HTTP1_BODY_DONE;
  gboolean ok = take(dialogue, content->data, content->len, error);
  g_byte_array_set_size(content, 0);
  return ok;
}

static void set_idle_deadline(Dialogue *dialogue) {
  if (dialogue->exchange->idle_ms)
    dialogue->deadline = g_get_monotonic_time() + (gint64)dialogue->exchange->idle_ms * G_TIME_SPAN_MILLISECOND;
}

static gboolean receive_some(Dialogue *dialogue, GError **error) {
  guint8 piece[READ_SIZE];
  ssize_t n = recv(dialogue->fd, piece, sizeof piece, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return TRUE;
  dialogue->ended = n <= 0;
  set_idle_deadline(dialogue);
  if (n > 0)
    g_byte_array_append(dialogue->in, piece, (guint)n);
  if (!dialogue->answer && !read_head(dialogue, error))
    return FALSE;
  if (dialogue->answer && !dialogue->done && !read_body(dialogue, error))
    return FALSE;
  if (dialogue->ended && dialogue->answer && dialogue->until_close)
    dialogue->done = TRUE;
  if (!dialogue->ended || dialogue->done)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the connection ended before the answer did");
  return FALSE;
}

static gboolean wait_for_peer(Dialogue *dialogue, short *events, GError **error) {
  gint64 left_us = dialogue->deadline ? dialogue->deadline - g_get_monotonic_time() : 0;
  int timeout = dialogue->deadline ? (int)(MAX(left_us, 0) / 1000) : -1;
  struct pollfd poll_fd = {.fd = dialogue->fd, .events = (short)(POLLIN | (left_to_send(dialogue) ? POLLOUT : 0))};
  int n = dialogue->deadline && left_us <= 0 ? 0 : poll(&poll_fd, 1, timeout);
  *events = n > 0 ? poll_fd.revents : 0;
  if (n > 0 || (n < 0 && errno == EINTR) || (n == 0 && left_us > 0))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "no answer in time");
  return FALSE;
}

static gboolean talk(Dialogue *dialogue, GError **error) {
  while (!dialogue->done) {
    short events;
    if (!wait_for_peer(dialogue, &events, error))
      return FALSE;
    if (events & POLLOUT)
      send_some(dialogue);
    if ((events & ~POLLOUT) && !receive_some(dialogue, error))
      return FALSE;
  }
  return TRUE;
}

gboolean prpc_exchange_run_socket(PrpcExchange *exchange, int *status, GError **error) {
  const PrpcClient *client = exchange->client;
  gint64 start = g_get_monotonic_time();
  Dialogue dialogue = {.exchange = exchange, .fd = prpc_client_socket_connect(&client->url, client->connect_ms, error)};
  if (dialogue.fd < 0)
    return FALSE;
  dialogue.deadline = exchange->total_ms ? start + (gint64)exchange->total_ms * G_TIME_SPAN_MILLISECOND : 0;
  dialogue.status = status;
  *status = 0;
  set_idle_deadline(&dialogue);
  dialogue.head = make_head(exchange);
  dialogue.in = g_byte_array_new();
  gboolean ok = talk(&dialogue, error);
  (void)close(dialogue.fd); /* the answer is complete, or of no use */
  g_string_free(dialogue.head, TRUE);
  g_byte_array_unref(dialogue.in);
  http1_head_free(dialogue.answer);
  http1_body_clear(&dialogue.body);
  return ok;
}
