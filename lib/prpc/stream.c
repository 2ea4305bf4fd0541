/* Chunked answers. The worker that makes them waits while the client is slower than it. */
#include "prpc/server_private.h"

#include <string.h>

#define MAX_QUEUED (256 * 1024)
#define STALL_SECONDS 30
#define MAX_STREAMS 64

void prpc_stream_written(PrpcStream *stream, gsize written) {
  g_mutex_lock(&stream->lock);
  stream->queued -= MIN(stream->queued, written);
  g_cond_signal(&stream->moved);
  g_mutex_unlock(&stream->lock);
}

void prpc_stream_break(PrpcStream *stream) {
  g_mutex_lock(&stream->lock);
  stream->broken = TRUE;
  g_cond_signal(&stream->moved);
  g_mutex_unlock(&stream->lock);
}

static void post_piece(PrpcHttpRequest *request, struct evbuffer *piece) {
  PrpcStreamLetter *letter = g_new(PrpcStreamLetter, 1);
  *letter = (PrpcStreamLetter){request->connection, piece};
  prpc_loop_post(request->connection->server->loop, prpc_connection_on_stream, letter);
}

/* Counts the bytes in and waits until there is room. FALSE when nobody reads any more. */
static gboolean wait_for_room(PrpcStream *stream, gsize len) {
  gint64 deadline = g_get_monotonic_time() + STALL_SECONDS * G_TIME_SPAN_SECOND;
  g_mutex_lock(&stream->lock);
  while (!stream->broken && stream->queued > MAX_QUEUED)
    if (!g_cond_wait_until(&stream->moved, &stream->lock, deadline))
      stream->broken = TRUE;
  stream->queued += len;
  gboolean open = !stream->broken;
  g_mutex_unlock(&stream->lock);
  return open;
}

/* A stream may last for hours: it gets a worker more than the pool has, so that it never starves the others. */
static gboolean take_stream_slot(PrpcServer *server) {
  gint running = g_atomic_int_add(&server->streams, 1) + 1;
  if (running > MAX_STREAMS) {
    g_atomic_int_add(&server->streams, -1);
    return FALSE;
  }
  g_thread_pool_set_max_threads(server->pool, (gint)server->workers + running, NULL);
  return TRUE;
}

static void return_stream_slot(PrpcServer *server) {
  gint running = g_atomic_int_add(&server->streams, -1) - 1;
  g_thread_pool_set_max_threads(server->pool, (gint)server->workers + running, NULL);
}

void prpc_http_stream_start(PrpcHttpRequest *request, int status, const char *content_type) {
  if (request->answered || request->stream.started)
    return;
  if (!take_stream_slot(request->connection->server)) {
    prpc_request_answer_page(request, 503);
    prpc_stream_break(&request->stream);
    return;
  }
  request->status = status;
  request->content_type = g_strdup(content_type);
  request->stream.started = TRUE;
  request->stream.chunked = request->head->minor > 0;
  struct evbuffer *piece = evbuffer_new();
  prpc_request_write_head(request, piece, -1, request->stream.chunked && request->connection->keep_alive);
  post_piece(request, piece);
  if (strcmp(request->head->method, "HEAD") == 0)
    prpc_stream_break(&request->stream);
}

gboolean prpc_http_stream_write(PrpcHttpRequest *request, const void *data, gsize len) {
  if (!request->stream.started || !wait_for_room(&request->stream, len))
    return FALSE;
  if (len == 0) /* an empty chunk would be the last one */
    return TRUE;
  struct evbuffer *piece = evbuffer_new();
  if (request->stream.chunked)
    evbuffer_add_printf(piece, "%zx\r\n", len);
  evbuffer_add(piece, data, len);
  if (request->stream.chunked)
    evbuffer_add(piece, "\r\n", 2);
  post_piece(request, piece);
  return TRUE;
}

void prpc_http_stream_end(PrpcHttpRequest *request) {
  if (!request->stream.started || request->stream.ended)
    return;
  request->stream.ended = TRUE;
  return_stream_slot(request->connection->server);
  if (request->stream.chunked && strcmp(request->head->method, "HEAD") != 0) {
    struct evbuffer *piece = evbuffer_new();
    evbuffer_add(piece, "0\r\n\r\n", 5);
    post_piece(request, piece);
  }
}
