/* One connection's way: head, checks, body, handler, answer, and again. Runs on the loop's thread. */
#include "prpc/server_private.h"

#include "base/log.h"

#include <string.h>
#include <unistd.h>

#define MAX_READ_AHEAD (2 * HTTP1_MAX_HEAD) /* bytes read ahead of what is being worked on */
#define READS_A_ROUND 16                    /* before other connections get their turn */
#define QUICK_MAX_BODY 4096                 /* bytes of a request that is handled on the loop's thread */
#define QUICK_MAX_RUN 32                    /* one of so many goes to a worker */
#define MAX_DROPPED (64 * 1024 * 1024)      /* bytes of a refused body that are read to let the answer through */

static void settle(PrpcConnection *connection);

static void arm(struct event *event, gboolean *armed, gboolean wanted) {
  if (wanted && !*armed)
    event_add(event, NULL);
  else if (!wanted && *armed)
    event_del(event);
  *armed = wanted;
}

static gboolean wants_input(const PrpcConnection *connection) {
  if (connection->state == PRPC_STATE_LINGER)
    return TRUE;
  return !connection->input_ended && evbuffer_get_length(connection->in) < MAX_READ_AHEAD;
}

static void arm_events(PrpcConnection *connection) {
  const PrpcTransport *transport = &connection->transport;
  gboolean has_output = evbuffer_get_length(connection->out) > 0;
  gboolean input = wants_input(connection);
  arm(&connection->read_event, &connection->reading,
      (input && !transport->read_wants_write) || (has_output && transport->write_wants_read));
  arm(&connection->write_event, &connection->writing,
      (has_output && !transport->write_wants_read) || (input && transport->read_wants_write));
}

static void set_deadline(PrpcConnection *connection, const struct timeval *timeout) {
  if (timeout)
    event_add(&connection->deadline, timeout);
  else
    event_del(&connection->deadline);
}

static void set_idle(PrpcConnection *connection, gboolean idle) {
  if (idle == connection->in_idle)
    return;
  connection->in_idle = idle;
  if (idle)
    g_queue_push_tail_link(&connection->server->idle, &connection->idle_link);
  else
    g_queue_unlink(&connection->server->idle, &connection->idle_link);
}

/* A connection that enters another state waits anew. */
static void set_waiting(PrpcConnection *connection, gboolean waiting) {
  GQueue *queue = &connection->listener->waiting;
  if (connection->in_waiting)
    g_queue_unlink(queue, &connection->waiting_link);
  connection->in_waiting = waiting;
  if (waiting)
    g_queue_push_tail_link(queue, &connection->waiting_link);
}

static void enter(PrpcConnection *connection, PrpcConnectionState state) {
  const PrpcServer *server = connection->server;
  connection->state = state;
  set_idle(connection, state == PRPC_STATE_HEAD);
  set_waiting(connection, state == PRPC_STATE_HEAD || state == PRPC_STATE_BODY || state == PRPC_STATE_WRITE ||
                              state == PRPC_STATE_LINGER);
  set_deadline(connection, state == PRPC_STATE_HEAD     ? server->head_timeout
                           : state == PRPC_STATE_BODY   ? server->body_timeout
                           : state == PRPC_STATE_WRITE  ? server->write_timeout
                           : state == PRPC_STATE_LINGER ? server->linger_timeout
                                                        : NULL);
}

/* Closes the socket and drops the buffers. The rest is freed by conclude(), once no worker holds the request. */
static void kill_connection(PrpcConnection *connection) {
  if (connection->state == PRPC_STATE_DEAD)
    return;
  enter(connection, PRPC_STATE_DEAD);
  event_del(&connection->read_event);
  event_del(&connection->write_event);
  prpc_transport_close(&connection->transport);
  evbuffer_drain(connection->in, evbuffer_get_length(connection->in));
  evbuffer_drain(connection->out, evbuffer_get_length(connection->out));
  http1_body_clear(&connection->body);
  prpc_budget_count(connection);
  if (connection->request)
    prpc_stream_break(&connection->request->stream);
}

/* ---- output ---- */

static void flush(PrpcConnection *connection) {
  gsize before = evbuffer_get_length(connection->out);
  if (connection->state == PRPC_STATE_DEAD || before == 0)
    return;
  PrpcIo io = prpc_transport_write(&connection->transport, connection->out);
  gsize written = before - evbuffer_get_length(connection->out);
  if (connection->request && written > 0)
    prpc_stream_written(&connection->request->stream, written);
  if (io == PRPC_IO_FAILED)
    kill_connection(connection);
  else if (io == PRPC_IO_AGAIN && connection->state != PRPC_STATE_BODY &&
           (written > 0 || !event_pending(&connection->deadline, EV_TIMEOUT, NULL)))
    set_deadline(connection, connection->server->write_timeout);
  else if (io == PRPC_IO_OK && connection->state == PRPC_STATE_HANDLER)
    set_deadline(connection, NULL);
}

/* The answer is out. The peer may still be sending: closing at once would make the kernel throw the answer away. */
static void linger(PrpcConnection *connection) {
  prpc_transport_finish(&connection->transport);
  if (connection->server->stopping || connection->input_ended)
    kill_connection(connection);
  else
    enter(connection, PRPC_STATE_LINGER);
}

static void start_write(PrpcConnection *connection) {
  g_clear_pointer(&connection->request, prpc_request_free);
  enter(connection, PRPC_STATE_WRITE);
}

static void answer(PrpcConnection *connection) {
  PrpcHttpRequest *request = connection->request;
  gboolean body_unread = http1_head_has_body(request->head) && !request->body;
  connection->keep_alive = connection->keep_alive && !body_unread && !connection->server->stopping;
  prpc_request_write_answer(request, connection->out, connection->keep_alive);
  if (request->router->observer)
    request->router->observer(request->target.method, request->status, request->router->observer_data);
  start_write(connection);
}

/* ---- steps; each returns TRUE when the next one may follow at once ---- */

static void hand_to_worker(PrpcConnection *connection, PrpcConnectionState state) {
  enter(connection, state);
  connection->in_worker = TRUE;
  g_thread_pool_push(connection->server->pool, connection->request,
                     NULL); /* threads may fail to start; it still queues */
}

static void answer_too_large(PrpcHttpRequest *request) {
  if (request->target.service)
    prpc_request_answer_error(request, "payload too large");
  else
    prpc_request_answer_page(request, 413);
}

/* A small body that came along with its head: reading it before the certificate is judged costs nothing, and saves a
 * way to a worker and back. A filter, which may close the connection, comes first in any case. */
static gboolean body_is_here(const PrpcConnection *connection) {
  const Http1Head *head = connection->request->head;
  return !connection->listener->router->filter && head->content_length > 0 && head->content_length <= QUICK_MAX_BODY &&
         evbuffer_get_length(connection->in) >= (gsize)head->content_length;
}

static gboolean step_checked(PrpcConnection *connection) {
  PrpcHttpRequest *request = connection->request;
  gboolean has_body = http1_head_has_body(request->head);
  gboolean has_target = request->target.service || request->target.route;
  if (has_target && request->head->content_length > request->target.max_body)
    answer_too_large(request);
  else if (!has_target && !request->needs_checks)
    prpc_request_answer_page(request, request->target.status);
  if (request->answered) {
    answer(connection);
    return TRUE;
  }
  if (request->needs_checks && has_body && !body_is_here(connection)) {
    hand_to_worker(connection, PRPC_STATE_CHECK);
    return FALSE;
  }
  if (request->head->expect_continue && has_body && evbuffer_get_length(connection->in) == 0)
    evbuffer_add_printf(connection->out, "HTTP/1.1 100 Continue\r\n\r\n");
  http1_body_init(&connection->body, request->head, request->target.max_body);
  enter(connection, PRPC_STATE_BODY);
  return TRUE;
}

static gboolean needs_checks(const PrpcConnection *connection) {
  const PrpcListener *listener = connection->listener;
  gboolean is_unknown = listener->options.authenticator && connection->certificate && !connection->authenticated;
  return listener->router->filter || (is_unknown && connection->request->target.service);
}

static void refuse_bytes(PrpcConnection *connection, int status) {
  prpc_write_bare_status(connection->out, status);
  connection->keep_alive = FALSE;
  start_write(connection);
}

static gboolean step_head(PrpcConnection *connection) {
  gsize len = MIN(evbuffer_get_length(connection->in), (gsize)HTTP1_MAX_HEAD + 1);
  const char *data = (const char *)evbuffer_pullup(connection->in, (ev_ssize_t)len);
  gssize head_len = len ? http1_head_length(data, len, &connection->head_scanned) : 0;
  if (head_len == 0) {
    if (connection->input_ended || connection->server->stopping)
      kill_connection(connection);
    return FALSE;
  }
  int status = 431;
  Http1Head *head = head_len > 0 ? http1_head_parse(data, (gsize)head_len, &status) : NULL;
  connection->head_scanned = 0;
  if (!head) {
    refuse_bytes(connection, status);
    return TRUE;
  }
  evbuffer_drain(connection->in, (size_t)head_len);
  connection->keep_alive = head->keep_alive;
  connection->request = prpc_request_new(connection, connection->listener->router, &connection->peer, head);
  connection->request->needs_checks = needs_checks(connection);
  return step_checked(connection);
}

/* A worker gets a request now and then even so: else one client's stream of requests would keep the loop from all
 * others. */
static gboolean is_quick(PrpcConnection *connection) {
  const PrpcHttpRequest *request = connection->request;
  gboolean quick = request->target.service && !request->needs_checks &&
                   g_bytes_get_size(request->body) <= QUICK_MAX_BODY &&
                   prpc_service_is_quick(request->target.service, request->target.method);
  connection->quick_run = quick ? (connection->quick_run + 1) % QUICK_MAX_RUN : 0;
  return quick && connection->quick_run != 0;
}

static gboolean finish_body(PrpcConnection *connection) {
  connection->request->body = http1_body_take(&connection->body);
  if (!is_quick(connection)) {
    hand_to_worker(connection, PRPC_STATE_HANDLER);
    return FALSE;
  }
  prpc_worker_handle(connection->request);
  answer(connection);
  return TRUE;
}

static gboolean refuse_body(PrpcConnection *connection, Http1BodyStatus status) {
  PrpcHttpRequest *request = connection->request;
  http1_body_clear(&connection->body);
  if (status == HTTP1_BODY_MALFORMED) {
    refuse_bytes(connection, 400);
    return TRUE;
  }
  answer_too_large(request);
  answer(connection);
  return TRUE;
}

static gboolean step_body(PrpcConnection *connection) {
  Http1BodyStatus status = HTTP1_BODY_MORE;
  do {
    gsize used, len = evbuffer_get_contiguous_space(connection->in);
    status = http1_body_feed(&connection->body, evbuffer_pullup(connection->in, (ev_ssize_t)len), len, &used);
    evbuffer_drain(connection->in, used);
  } while (status == HTTP1_BODY_MORE && evbuffer_get_length(connection->in) > 0);
  if (status == HTTP1_BODY_DONE)
    return finish_body(connection);
  if (status != HTTP1_BODY_MORE)
    return refuse_body(connection, status);
  if (connection->input_ended)
    kill_connection(connection);
  return FALSE;
}

static gboolean step_write(PrpcConnection *connection) {
  flush(connection);
  if (connection->state != PRPC_STATE_WRITE || evbuffer_get_length(connection->out) > 0)
    return FALSE;
  if (!connection->keep_alive) {
    linger(connection);
    return FALSE;
  }
  enter(connection, PRPC_STATE_HEAD);
  return TRUE;
}

static void advance(PrpcConnection *connection) {
  gboolean more = TRUE;
  while (more)
    switch (connection->state) {
    case PRPC_STATE_HEAD:
      more = step_head(connection);
      break;
    case PRPC_STATE_BODY:
      more = step_body(connection);
      break;
    case PRPC_STATE_WRITE:
      more = step_write(connection);
      break;
    default:
      more = FALSE;
    }
  flush(connection);
}

/* ---- input ---- */

static void drop_input(PrpcConnection *connection) {
  PrpcIo io = PRPC_IO_OK;
  for (int i = 0; io == PRPC_IO_OK && i < READS_A_ROUND; i++)
    io = prpc_transport_discard(&connection->transport, &connection->dropped);
  if (io == PRPC_IO_END || io == PRPC_IO_FAILED || connection->dropped > MAX_DROPPED)
    kill_connection(connection);
}

/* Reads until nothing is left: TLS may hold decrypted bytes that no event announces. */
static void read_input(PrpcConnection *connection) {
  for (int i = 0; connection->state != PRPC_STATE_DEAD && wants_input(connection); i++) {
    if (i == READS_A_ROUND) {
      event_active(&connection->read_event, EV_READ, 0);
      return;
    }
    PrpcIo io = prpc_transport_read(&connection->transport, connection->in, MAX_READ_AHEAD);
    if (io == PRPC_IO_AGAIN)
      return;
    connection->input_ended = io == PRPC_IO_END;
    if (io == PRPC_IO_FAILED)
      kill_connection(connection);
    else
      advance(connection);
    if (connection->state == PRPC_STATE_LINGER || connection->transport.drained)
      return;
  }
}

static gboolean finish_handshake(PrpcConnection *connection) {
  if (connection->transport.handshaken)
    return TRUE;
  PrpcIo io = prpc_transport_handshake(&connection->transport);
  if (io == PRPC_IO_OK)
    connection->certificate = SSL_get1_peer_certificate(connection->transport.ssl);
  else if (io != PRPC_IO_AGAIN)
    kill_connection(connection);
  return io == PRPC_IO_OK;
}

static void on_io(evutil_socket_t fd, short events, void *data) {
  (void)fd, (void)events; /* both directions are tried: TLS may need either */
  PrpcConnection *connection = data;
  if (connection->state == PRPC_STATE_LINGER) {
    drop_input(connection);
  } else if (finish_handshake(connection)) {
    if (evbuffer_get_length(connection->out) > 0)
      advance(connection);
    if (connection->state != PRPC_STATE_LINGER)
      read_input(connection);
  }
  settle(connection);
}

static void on_deadline(evutil_socket_t fd, short events, void *data) {
  (void)fd, (void)events; /* a timer */
  PrpcConnection *connection = data;
  kill_connection(connection);
  settle(connection);
}

/* ---- life ---- */

static void free_connection(PrpcConnection *connection) {
  PrpcServer *server = connection->server;
  prpc_budget_return(connection);
  g_queue_unlink(&server->connections, &connection->link);
  g_clear_pointer(&connection->request, prpc_request_free);
  evbuffer_free(connection->in);
  evbuffer_free(connection->out);
  if (connection->identity && connection->listener->options.identity_free)
    connection->listener->options.identity_free(connection->identity);
  g_clear_pointer(&connection->certificate, X509_free);
  connection->listener->connections--;
  prpc_listener_unref(connection->listener);
  g_free(connection);
  prpc_server_connection_gone(server);
}

/* Frees the dead, arms the living. */
static void conclude(PrpcConnection *connection) {
  if (connection->state != PRPC_STATE_DEAD)
    arm_events(connection);
  else if (!connection->in_worker)
    free_connection(connection);
}

/* The last thing every callback does. */
static void settle(PrpcConnection *connection) {
  prpc_budget_count(connection);
  for (PrpcConnection *victim; (victim = prpc_budget_victim(connection->server));) {
    log_warn("closing the connection of %s: all hold too much, it %zu bytes", victim->peer.address, victim->held);
    kill_connection(victim);
    if (victim != connection)
      conclude(victim);
  }
  conclude(connection);
}

static PrpcPeer identify(const PrpcListener *listener, int fd) {
  PrpcPeer peer;
  prpc_peer_read(&peer, fd, listener->socket.kind);
  if (listener->options.act_as_vsock_cid) {
    peer.kind = PRPC_PEER_VSOCK;
    peer.cid = listener->options.act_as_vsock_cid;
    g_snprintf(peer.address, sizeof peer.address, "vsock:%u", peer.cid);
  }
  return peer;
}

static gboolean has_its_share(const PrpcListener *listener, const PrpcPeer *peer) {
  guint bound = listener->options.max_per_vsock_peer, count = 0;
  if (!bound || peer->kind != PRPC_PEER_VSOCK)
    return FALSE;
  for (GList *at = listener->server->connections.head; at && count < bound; at = at->next) {
    const PrpcConnection *other = at->data;
    count += other->peer.kind == PRPC_PEER_VSOCK && other->peer.cid == peer->cid;
  }
  return count >= bound;
}

void prpc_connection_new(PrpcListener *listener, int fd) {
  PrpcServer *server = listener->server;
  PrpcPeer peer = identify(listener, fd);
  if (has_its_share(listener, &peer)) {
    (void)close(fd); /* nothing was said on it yet */
    return;
  }
  struct event_base *base = prpc_loop_base(server->loop);
  PrpcConnection *connection = g_new0(PrpcConnection, 1);
  connection->server = server;
  connection->listener = g_rc_box_acquire(listener);
  listener->connections++;
  connection->link.data = connection->idle_link.data = connection->waiting_link.data = connection;
  connection->in = evbuffer_new();
  connection->out = evbuffer_new();
  connection->peer = peer;
  prpc_transport_init(&connection->transport, fd, listener->options.tls);
  if (connection->peer.kind == PRPC_PEER_VSOCK)
    connection->transport.max_write = PRPC_VSOCK_MAX_WRITE;
  event_assign(&connection->read_event, base, fd, EV_READ | EV_PERSIST, on_io, connection);
  event_assign(&connection->write_event, base, fd, EV_WRITE | EV_PERSIST, on_io, connection);
  event_assign(&connection->deadline, base, -1, 0, on_deadline, connection);
  g_queue_push_tail_link(&server->connections, &connection->link);
  enter(connection, PRPC_STATE_HEAD);
  settle(connection);
}

void prpc_connection_close(PrpcConnection *connection) {
  kill_connection(connection);
  conclude(connection);
}

/* ---- letters from workers ---- */

static void end_stream(PrpcConnection *connection) {
  gboolean whole = connection->request->stream.ended && connection->request->stream.chunked;
  connection->keep_alive = connection->keep_alive && whole && !connection->server->stopping;
  start_write(connection);
}

void prpc_connection_on_worked(gpointer data) {
  PrpcHttpRequest *request = data;
  PrpcConnection *connection = request->connection;
  connection->in_worker = FALSE;
  if (connection->state == PRPC_STATE_DEAD)
    g_clear_pointer(&connection->request, prpc_request_free);
  else if (request->stream.started)
    end_stream(connection);
  else if (request->answered)
    answer(connection);
  else
    step_checked(connection);
  advance(connection);
  settle(connection);
}

void prpc_connection_on_stream(gpointer data) {
  PrpcStreamLetter *letter = data;
  PrpcConnection *connection = letter->connection;
  if (connection->state != PRPC_STATE_DEAD) {
    evbuffer_add_buffer(connection->out, letter->piece);
    flush(connection);
  }
  evbuffer_free(letter->piece);
  g_free(letter);
  settle(connection);
}
