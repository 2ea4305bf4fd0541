#include "prpc/server_private.h"

#include "base/error.h"
#include "base/log.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEAD_SECONDS 15  /* from the start, or the previous answer, to the end of a request's head */
#define BODY_SECONDS 120 /* for a whole body */
#define WRITE_SECONDS 30 /* without any progress */
#define LINGER_SECONDS 5
#define GRACE_SECONDS 2 /* of a stop: for requests on their way */
#define MERCY_SECONDS 3 /* then for handlers that run */
#define MAX_WORKERS 256
#define SPARE_FILES 256 /* file descriptors for everything that is no connection */

static void on_accept_again(evutil_socket_t fd, short events, void *data) {
  (void)fd, (void)events; /* a timer */
  PrpcServer *server = data;
  GHashTableIter iter;
  gpointer listener;
  g_hash_table_iter_init(&iter, server->listeners);
  while (g_hash_table_iter_next(&iter, NULL, &listener))
    event_add(((PrpcListener *)listener)->accept_event, NULL);
}

/* ---- stopping ---- */

/* Closes the connections that are in none of the states of a request being answered. */
static void close_connections(PrpcServer *server, gboolean spare_requests, gboolean spare_handlers) {
  GList *next;
  for (GList *at = server->connections.head; at; at = next) {
    PrpcConnection *connection = at->data;
    PrpcConnectionState state = connection->state;
    next = at->next;
    gboolean handler = state == PRPC_STATE_HANDLER || state == PRPC_STATE_WRITE;
    gboolean request = handler || state == PRPC_STATE_CHECK || state == PRPC_STATE_BODY;
    if (!(spare_requests && request) && !(spare_handlers && handler))
      prpc_connection_close(connection);
  }
}

static void on_mercy_over(evutil_socket_t fd, short events, void *data) {
  (void)fd, (void)events; /* a timer */
  PrpcServer *server = data;
  close_connections(server, FALSE, FALSE);
  prpc_loop_quit(server->loop);
}

static void on_grace_over(evutil_socket_t fd, short events, void *data) {
  (void)fd, (void)events; /* a timer */
  PrpcServer *server = data;
  close_connections(server, FALSE, TRUE);
  const struct timeval mercy = {.tv_sec = MERCY_SECONDS};
  event_add(server->mercy_over, &mercy);
}

static void break_streams(PrpcServer *server) {
  for (GList *at = server->connections.head; at; at = at->next) {
    PrpcConnection *connection = at->data;
    if (connection->in_worker)
      prpc_stream_break(&connection->request->stream);
  }
}

void prpc_server_connection_gone(PrpcServer *server) {
  if (server->stopping && server->connections.length == 0)
    prpc_loop_quit(server->loop);
}

static void forget_listener(gpointer data) {
  prpc_listener_close(data);
  prpc_listener_unref(data);
}

static void stop(gpointer data) {
  PrpcServer *server = data;
  if (server->stopping)
    return;
  server->stopping = TRUE;
  g_hash_table_remove_all(server->listeners);
  break_streams(server);
  close_connections(server, TRUE, TRUE);
  const struct timeval grace = {.tv_sec = GRACE_SECONDS};
  event_add(server->grace_over, &grace);
  prpc_server_connection_gone(server);
}

void prpc_server_stop(PrpcServer *server) { prpc_loop_post(server->loop, stop, server); }

static void on_signal(evutil_socket_t number, short events, void *data) {
  (void)events; /* a signal */
  log_info("stopping on signal %d", (int)number);
  stop(data);
}

/* ---- making ---- */

/* Every connection is a file descriptor: raises the soft limit as far as it goes, and lowers the bound to what is left.
 */
static guint bound_connections(guint wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return wanted;
  rlim_t needed = (rlim_t)wanted + SPARE_FILES;
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = MIN(needed, limit.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* what it became is read back */
    (void)getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= needed)
    return wanted;
  guint bound = limit.rlim_cur > 2 * SPARE_FILES ? (guint)limit.rlim_cur - SPARE_FILES : SPARE_FILES / 2;
  log_warn("the limit of open files allows only %u of %u connections", bound, wanted);
  return bound;
}

static const struct timeval *common_timeout(PrpcServer *server, long seconds) {
  const struct timeval timeout = {.tv_sec = seconds};
  return event_base_init_common_timeout(prpc_loop_base(server->loop), &timeout);
}

static void make_timers(PrpcServer *server) {
  struct event_base *base = prpc_loop_base(server->loop);
  server->head_timeout = common_timeout(server, HEAD_SECONDS);
  server->body_timeout = common_timeout(server, BODY_SECONDS);
  server->write_timeout = common_timeout(server, WRITE_SECONDS);
  server->linger_timeout = common_timeout(server, LINGER_SECONDS);
  server->accept_again = evtimer_new(base, on_accept_again, server);
  server->grace_over = evtimer_new(base, on_grace_over, server);
  server->mercy_over = evtimer_new(base, on_mercy_over, server);
}

PrpcServer *prpc_server_new(guint workers, guint max_connections, GError **error) {
  if (workers < 1 || workers > MAX_WORKERS || max_connections < 1) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "a server needs 1 to %d workers and some connections",
                MAX_WORKERS);
    return NULL;
  }
  PrpcLoop *loop = prpc_loop_new(error);
  if (!loop)
    return NULL;
  signal(SIGPIPE, SIG_IGN); /* a peer that left shows as an error of the write */
  PrpcServer *server = g_new0(PrpcServer, 1);
  server->loop = loop;
  server->workers = workers;
  server->max_connections = bound_connections(max_connections);
  server->next_listener = 1;
  server->listeners = g_hash_table_new_full(NULL, NULL, NULL, forget_listener);
  server->pool = g_thread_pool_new(prpc_worker_run, server, (gint)workers, FALSE, NULL);
  make_timers(server);
  return server;
}

static void drop_queued_requests(PrpcServer *server) {
  for (GList *at = server->connections.head; at; at = at->next)
    ((PrpcConnection *)at->data)->in_worker = FALSE;
}

void prpc_server_free(PrpcServer *server) {
  if (!server)
    return;
  if (server->thread) {
    prpc_server_stop(server);
    g_thread_join(server->thread);
  }
  break_streams(server);
  g_thread_pool_free(server->pool, TRUE, TRUE);
  prpc_loop_drain(server->loop);
  drop_queued_requests(server);
  close_connections(server, FALSE, FALSE);
  g_hash_table_unref(server->listeners);
  event_free(server->accept_again);
  event_free(server->grace_over);
  event_free(server->mercy_over);
  prpc_loop_free(server->loop);
  g_free(server);
}

/* ---- listeners ---- */

static void arm(gpointer listener) { prpc_listener_arm(listener); }

guint prpc_server_listen(PrpcServer *server, const char *address, PrpcRouter *router, const PrpcListenOptions *options,
                         GError **error) {
  PrpcListener *listener = prpc_listener_open(server, address, router, options, error);
  if (!listener)
    return 0;
  guint id = listener->id;
  prpc_loop_call(server->loop, arm, listener);
  log_info("listening on %s%s", address, options && options->tls ? " with tls" : "");
  return id;
}

/* A question to the loop about one listener. */
typedef struct {
  PrpcServer *server;
  guint id;
  guint16 port;
} ListenerLetter;

static void unlisten(gpointer data) {
  ListenerLetter *letter = data;
  PrpcListener *listener = g_hash_table_lookup(letter->server->listeners, GUINT_TO_POINTER(letter->id));
  GList *next;
  for (GList *at = letter->server->connections.head; listener && at; at = next) {
    PrpcConnection *connection = at->data;
    next = at->next;
    if (connection->listener == listener)
      prpc_connection_close(connection);
  }
  g_hash_table_remove(letter->server->listeners, GUINT_TO_POINTER(letter->id));
}

void prpc_server_unlisten(PrpcServer *server, guint listener) {
  ListenerLetter letter = {server, listener, 0};
  prpc_loop_call(server->loop, unlisten, &letter);
}

static void read_port(gpointer data) {
  ListenerLetter *letter = data;
  const PrpcListener *listener = g_hash_table_lookup(letter->server->listeners, GUINT_TO_POINTER(letter->id));
  letter->port = listener ? listener->socket.port : 0;
}

guint16 prpc_server_port(PrpcServer *server, guint listener) {
  ListenerLetter letter = {server, listener, 0};
  prpc_loop_call(server->loop, read_port, &letter);
  return letter.port;
}

/* ---- running ---- */

void prpc_server_run(PrpcServer *server) {
  struct event_base *base = prpc_loop_base(server->loop);
  struct event *interrupt = evsignal_new(base, SIGINT, on_signal, server);
  struct event *terminate = evsignal_new(base, SIGTERM, on_signal, server);
  event_add(interrupt, NULL);
  event_add(terminate, NULL);
  prpc_loop_run(server->loop);
  event_free(interrupt);
  event_free(terminate);
}

void prpc_server_start(PrpcServer *server) { server->thread = prpc_loop_start(server->loop); }
