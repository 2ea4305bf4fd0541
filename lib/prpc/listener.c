#include "prpc/server_private.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_ROUND 64

/* Makes room by closing the connection that has been there for the longest. */
static gboolean evict_first(GQueue *queue) {
  PrpcConnection *oldest = g_queue_peek_head(queue);
  if (oldest)
    prpc_connection_close(oldest);
  return oldest != NULL;
}

static void accept_again_soon(PrpcServer *server) {
  const struct timeval moment = {.tv_usec = 50000};
  if (!event_pending(server->accept_again, EV_TIMEOUT, NULL))
    event_add(server->accept_again, &moment);
}

/* Full of busy connections, or out of file descriptors: newcomers wait in the kernel's queue for a moment. */
static void pause_accepting(PrpcServer *server) {
  GHashTableIter iter;
  gpointer listener;
  g_hash_table_iter_init(&iter, server->listeners);
  while (g_hash_table_iter_next(&iter, NULL, &listener))
    event_del(((PrpcListener *)listener)->accept_event);
  accept_again_soon(server);
}

/* Nobody has to go for a newcomer who is not there. */
static gboolean newcomer_waits(const PrpcListener *listener) {
  struct pollfd waiting = {.fd = listener->socket.fd, .events = POLLIN};
  return poll(&waiting, 1, 0) == 1;
}

/* A full listener is no matter of the others. */
static gboolean listener_has_room(PrpcListener *listener) {
  guint bound = listener->options.max_connections;
  if (!bound || listener->connections < bound)
    return TRUE;
  if (!newcomer_waits(listener))
    return FALSE;
  if (evict_first(&listener->waiting))
    return TRUE;
  event_del(listener->accept_event);
  accept_again_soon(listener->server);
  return FALSE;
}

static gboolean server_has_room(PrpcListener *listener) {
  PrpcServer *server = listener->server;
  if (server->connections.length < server->max_connections)
    return TRUE;
  if (!newcomer_waits(listener))
    return FALSE;
  if (evict_first(&server->idle))
    return TRUE;
  pause_accepting(server);
  return FALSE;
}

/* FALSE when there is nothing more to accept now. */
static gboolean accept_one(PrpcListener *listener) {
  if (!listener_has_room(listener) || !server_has_room(listener))
    return FALSE;
  int fd = accept4(listener->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    prpc_connection_new(listener, fd);
    return TRUE;
  }
  if (errno == ECONNABORTED || errno == EINTR)
    return TRUE;
  if (errno == EAGAIN)
    return FALSE;
  log_warn("failed to accept a connection: %s", g_strerror(errno));
  if (!evict_first(&listener->server->idle))
    pause_accepting(listener->server);
  return FALSE;
}

static void on_accept(evutil_socket_t fd, short events, void *data) {
  (void)fd, (void)events; /* the listener knows */
  for (int i = 0; i < ACCEPTS_A_ROUND; i++)
    if (!accept_one(data))
      break;
}

static void listener_clear(gpointer data) {
  PrpcListener *listener = data;
  prpc_listen_socket_close(&listener->socket);
  g_clear_pointer(&listener->options.tls, SSL_CTX_free);
}

void prpc_listener_unref(PrpcListener *listener) { g_rc_box_release_full(listener, listener_clear); }

PrpcListener *prpc_listener_open(PrpcServer *server, const char *address, PrpcRouter *router,
                                 const PrpcListenOptions *options, GError **error) {
  PrpcListenSocket socket;
  if (!prpc_listen_socket_open(&socket, address, options, error))
    return NULL;
  PrpcListener *listener = g_rc_box_new0(PrpcListener);
  listener->id = (guint)g_atomic_int_add(&server->next_listener, 1);
  listener->server = server;
  listener->socket = socket;
  listener->router = router;
  if (options)
    listener->options = *options;
  if (listener->options.tls) {
    SSL_CTX_up_ref(listener->options.tls);
    /* Sessions are resumed by tickets, if at all: a cache would keep every client's certificate. */
    SSL_CTX_set_session_cache_mode(listener->options.tls, SSL_SESS_CACHE_OFF);
  }
  return listener;
}

void prpc_listener_arm(PrpcListener *listener) {
  PrpcServer *server = listener->server;
  g_hash_table_insert(server->listeners, GUINT_TO_POINTER(listener->id), listener);
  listener->accept_event =
      event_new(prpc_loop_base(server->loop), listener->socket.fd, EV_READ | EV_PERSIST, on_accept, listener);
  event_add(listener->accept_event, NULL);
}

void prpc_listener_close(PrpcListener *listener) {
  g_clear_pointer(&listener->accept_event, event_free);
  prpc_listen_socket_close(&listener->socket);
}
