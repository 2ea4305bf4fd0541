/* Relaying bytes between the two sides of a connection (spec: gateway 13.7). */
#include "proxy_loop.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection with data at hand gives way to others after this many transfers; epoll is level-triggered, so the rest of a
 * plain socket comes again. TLS holds at most one decrypted record back, which relay_pump() drains first. */
#define MAX_TRANSFERS 32

typedef enum { IO_DONE, IO_END, IO_BLOCKED, IO_BROKEN } IoResult;

static IoResult tls_result(Endpoint *endpoint, int rc, guint32 *interest) {
  switch (SSL_get_error(endpoint->ssl, rc)) {
  case SSL_ERROR_WANT_READ:
    *interest |= EPOLLIN;
    return IO_BLOCKED;
  case SSL_ERROR_WANT_WRITE:
    *interest |= EPOLLOUT;
    return IO_BLOCKED;
  case SSL_ERROR_ZERO_RETURN:
    return IO_END;
  default:
    ERR_clear_error();
    return IO_BROKEN;
  }
}

static IoResult read_some(Endpoint *from, guint8 *buffer, gsize size, gsize *got, guint32 *interest) {
  if (from->ssl) {
    int rc = SSL_read_ex(from->ssl, buffer, size, got);
    return rc == 1 ? IO_DONE : tls_result(from, rc, interest);
  }
  ssize_t n = recv(from->fd, buffer, size, 0);
  if (n > 0) {
    *got = (gsize)n;
    return IO_DONE;
  }
  if (n == 0)
    return IO_END;
  if (errno != EAGAIN && errno != EINTR)
    return IO_BROKEN;
  *interest |= EPOLLIN;
  return IO_BLOCKED;
}

static IoResult write_some(Endpoint *to, const guint8 *data, gsize len, gsize *put, guint32 *interest) {
  if (to->ssl) {
    int rc = SSL_write_ex(to->ssl, data, len, put);
    return rc == 1 ? IO_DONE : tls_result(to, rc, interest);
  }
  ssize_t n = send(to->fd, data, len, MSG_NOSIGNAL);
  if (n >= 0) {
    *put = (gsize)n;
    return IO_DONE;
  }
  if (errno != EAGAIN && errno != EINTR)
    return IO_BROKEN;
  *interest |= EPOLLOUT;
  return IO_BLOCKED;
}

static void end_writing(Endpoint *to) {
  if (to->ssl)
    (void)SSL_shutdown(to->ssl); /* sends close_notify; the peer's own is not waited for */
  ERR_clear_error();
  (void)shutdown(to->fd, SHUT_WR);
}

/* Writes what the flow holds. IO_DONE: nothing is left. */
static IoResult drain(Connection *connection, Flow *flow, guint32 *to_interest) {
  while (flow->start < flow->end) {
    gsize put = 0;
    IoResult result = write_some(flow->to, flow->buffer + flow->start, flow->end - flow->start, &put, to_interest);
    if (result != IO_DONE)
      return result;
    flow->start += put;
    connection->progress_us = g_get_monotonic_time();
  }
  flow->start = flow->end = 0;
  return IO_DONE;
}

static IoResult fill(Connection *connection, Flow *flow, guint32 *from_interest) {
  if (!flow->buffer)
    flow->buffer = proxy_loop_take_buffer(connection->loop);
  return read_some(flow->from, flow->buffer, proxy_loop_options(connection->loop)->buffer_size, &flow->end, from_interest);
}

static void release_when_empty(Connection *connection, Flow *flow) {
  if (flow->buffer && flow->start == flow->end) {
    proxy_loop_give_buffer(connection->loop, flow->buffer);
    flow->buffer = NULL;
    flow->start = flow->end = 0;
  }
}

/* FALSE: an error ends the connection. */
static gboolean pump_flow(Connection *connection, Flow *flow, guint32 *from_interest, guint32 *to_interest) {
  for (guint i = 0; !flow->finished; i++) {
    IoResult result = drain(connection, flow, to_interest);
    if (result == IO_BLOCKED)
      return TRUE;
    if (result != IO_DONE)
      return FALSE;
    if (flow->ended) {
      end_writing(flow->to);
      flow->finished = TRUE;
      break;
    }
    if (i >= MAX_TRANSFERS && !(flow->from->ssl && SSL_has_pending(flow->from->ssl))) {
      *from_interest |= EPOLLIN;
      break;
    }
    result = fill(connection, flow, from_interest);
    if (result == IO_END)
      flow->ended = TRUE;
    else if (result == IO_BROKEN)
      return FALSE;
    else if (result == IO_BLOCKED)
      break;
  }
  release_when_empty(connection, flow);
  return TRUE;
}

gboolean relay_pump(Connection *connection) {
  guint32 client = 0, backend = 0;
  if (!pump_flow(connection, &connection->up, &client, &backend) ||
      !pump_flow(connection, &connection->down, &backend, &client))
    return FALSE;
  if (connection->up.finished && connection->down.finished)
    return FALSE;
  proxy_loop_watch(connection->loop, &connection->client, client);
  proxy_loop_watch(connection->loop, &connection->backend, backend);
  return TRUE;
}
