/* A connection's life up to the relay: name, route, backend, handshake (spec: gateway 13.2-13.6). */
#include "proxy_loop.h"
#include "sni.h"

#include "base/error.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALERT_DECODE_ERROR = 50, ALERT_UNRECOGNIZED_NAME = 112 };

static void set_no_delay(int fd) {
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only costs latency when refused */
}

void connection_open(ProxyLoop *loop, int fd) {
  Connection *connection = g_new0(Connection, 1);
  connection->loop = loop;
  connection->link.data = connection;
  connection->winner = -1;
  connection->client = (Endpoint){.connection = connection, .fd = fd};
  connection->backend = (Endpoint){.connection = connection, .fd = -1};
  for (guint i = 0; i < PROXY_MAX_ATTEMPTS; i++)
    connection->attempts[i] = (Endpoint){.connection = connection, .fd = -1};
  connection->opened_us = connection->progress_us = g_get_monotonic_time();
  set_no_delay(fd);
  proxy_loop_add(loop, connection);
  /* Edge-triggered while the hello is only peeked at: bytes that stay in the socket must not wake the loop again. */
  proxy_loop_watch(loop, &connection->client, EPOLLIN | EPOLLET);
}

void connection_close(Connection *connection) {
  if (connection->state == CONNECTION_CLOSED)
    return;
  connection->state = CONNECTION_CLOSED;
  ProxyLoop *loop = connection->loop;
  proxy_loop_forget(loop, &connection->client);
  proxy_loop_forget(loop, &connection->backend);
  for (guint i = 0; i < PROXY_MAX_ATTEMPTS; i++)
    proxy_loop_forget(loop, &connection->attempts[i]);
  if (connection->winner >= 0)
    g_atomic_int_add(&connection->targets[connection->winner].instance->connections, -1);
  for (guint i = 0; i < connection->n_targets; i++)
    registry_release_target(&connection->targets[i]);
  Flow *flows[] = {&connection->up, &connection->down};
  for (guint i = 0; i < G_N_ELEMENTS(flows); i++)
    if (flows[i]->buffer)
      proxy_loop_give_buffer(loop, flows[i]->buffer);
  SSL_free(connection->client.ssl);
  connection->client.ssl = NULL;
  proxy_loop_bury(loop, connection);
}

/* A fatal TLS alert in the clear tells the client why; nothing more is owed to it. */
static void refuse(Connection *connection, guint8 alert, const char *name, const char *why) {
  const guint8 record[] = {21, 3, 1, 0, 2, 2, alert};
  (void)send(connection->client.fd, record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
  log_debug("refused connection for '%s': %s", name, why);
  connection_close(connection);
}

static void start_relay(Connection *connection) {
  connection->state = CONNECTION_RELAYING;
  connection->progress_us = g_get_monotonic_time();
  connection->up = (Flow){.from = &connection->client, .to = &connection->backend};
  connection->down = (Flow){.from = &connection->backend, .to = &connection->client};
  if (!relay_pump(connection))
    connection_close(connection);
}

static void relay_when_ready(Connection *connection) {
  if (connection->winner >= 0 && connection->client_ready)
    start_relay(connection);
}

static void continue_handshake(Connection *connection) {
  int rc = SSL_accept(connection->client.ssl);
  if (rc == 1) {
    connection->client_ready = TRUE;
    proxy_loop_watch(connection->loop, &connection->client, 0);
    relay_when_ready(connection);
    return;
  }
  int reason = SSL_get_error(connection->client.ssl, rc);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
    proxy_loop_watch(connection->loop, &connection->client, reason == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
    return;
  }
  ERR_clear_error();
  connection_close(connection);
}

static gboolean start_attempt(Connection *connection, guint index, guint16 port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(connection->targets[index].ip)};
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
    (void)close(fd);
    return FALSE;
  }
  connection->attempts[index].fd = fd;
  proxy_loop_watch(connection->loop, &connection->attempts[index], EPOLLOUT);
  return TRUE;
}

static gboolean start_attempts(Connection *connection, guint16 port) {
  guint started = 0;
  for (guint i = 0; i < connection->n_targets; i++)
    started += start_attempt(connection, i, port);
  return started > 0;
}

static void follow_route(Connection *connection, const char *name, const Route *route) {
  const ProxyOptions *options = proxy_loop_options(connection->loop);
  guint top_n = MIN(options->connect_top_n, PROXY_MAX_ATTEMPTS);
  connection->n_targets = registry_select(options->registry, route->id, top_n, connection->targets);
  if (connection->n_targets == 0) {
    refuse(connection, ALERT_UNRECOGNIZED_NAME, name, "app not found");
    return;
  }
  connection->state = CONNECTION_PREPARING;
  connection->mode = route->mode;
  if (!start_attempts(connection, route->port)) {
    connection_close(connection);
    return;
  }
  if (route->mode == ROUTE_PASSTHROUGH) {
    connection->client_ready = TRUE;
    proxy_loop_watch(connection->loop, &connection->client, 0);
    return;
  }
  connection->client.ssl = certificate_store_session(options->certificates, route->mode);
  SSL_set_fd(connection->client.ssl, connection->client.fd);
  SSL_set_accept_state(connection->client.ssl);
  continue_handshake(connection);
}

static void sniff(Connection *connection) {
  guint8 hello[SNI_MAX_HELLO];
  char name[SNI_MAX_NAME + 1] = "";
  ssize_t n = recv(connection->client.fd, hello, sizeof hello, MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    connection_close(connection);
    return;
  }
  switch (sni_parse(hello, (gsize)n, name)) {
  case SNI_NEED_MORE:
    return;
  case SNI_NO_NAME:
    refuse(connection, ALERT_UNRECOGNIZED_NAME, name, "no server name");
    return;
  case SNI_MALFORMED:
    refuse(connection, ALERT_DECODE_ERROR, name, "no tls client hello");
    return;
  case SNI_FOUND:
    break;
  }
  Route route;
  g_autoptr(GError) error = NULL;
  if (route_parse(name, proxy_loop_options(connection->loop)->base_domain, &route, &error))
    follow_route(connection, name, &route);
  else if (g_error_matches(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    refuse(connection, ALERT_UNRECOGNIZED_NAME, name, "custom domains are not implemented yet");
  else
    refuse(connection, ALERT_UNRECOGNIZED_NAME, name, error->message);
}

static void attempt_ended(Connection *connection, guint index) {
  int failure = 0;
  socklen_t len = sizeof failure;
  Endpoint *attempt = &connection->attempts[index];
  if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0 || failure != 0) {
    proxy_loop_forget(connection->loop, attempt);
    for (guint i = 0; i < PROXY_MAX_ATTEMPTS; i++)
      if (connection->attempts[i].fd >= 0)
        return;
    log_debug("no connection success: %s", g_strerror(failure));
    connection_close(connection);
    return;
  }
  /* The socket stays in the epoll set under the attempt's pointer; take it out and add it anew as the backend. */
  int fd = dup(attempt->fd);
  for (guint i = 0; i < PROXY_MAX_ATTEMPTS; i++)
    proxy_loop_forget(connection->loop, &connection->attempts[i]);
  if (fd < 0) {
    connection_close(connection);
    return;
  }
  connection->backend.fd = fd;
  connection->winner = (gint)index;
  g_atomic_int_add(&connection->targets[index].instance->connections, 1);
  set_no_delay(fd);
  proxy_loop_watch(connection->loop, &connection->backend, 0);
  relay_when_ready(connection);
}

void connection_event(Endpoint *endpoint, guint32 events) {
  Connection *connection = endpoint->connection;
  if (connection->state == CONNECTION_CLOSED || endpoint->fd < 0)
    return; /* closed by an earlier event of the same batch */
  if (connection->state == CONNECTION_RELAYING) {
    if (!relay_pump(connection))
      connection_close(connection);
  } else if (endpoint >= connection->attempts && endpoint < connection->attempts + PROXY_MAX_ATTEMPTS) {
    attempt_ended(connection, (guint)(endpoint - connection->attempts));
  } else if (connection->state == CONNECTION_SNIFFING) {
    sniff(connection);
  } else if (endpoint == &connection->client && !connection->client_ready) {
    continue_handshake(connection);
  } else if (events & (EPOLLHUP | EPOLLERR)) {
    connection_close(connection);
  }
}

/* "never" is the largest number. */
static guint64 add_durations(guint64 a, guint64 b) { return a > G_MAXUINT64 - b ? G_MAXUINT64 : a + b; }

void connection_check_time(Connection *connection, gint64 now_us) {
  const ProxyOptions *options = proxy_loop_options(connection->loop);
  gint64 age_ms = (now_us - connection->opened_us) / 1000;
  guint64 limit_ms = connection->state == CONNECTION_SNIFFING ? options->handshake_ms
                     : connection->state == CONNECTION_PREPARING ? add_durations(options->handshake_ms, options->connect_ms)
                                                                  : options->total_ms;
  gint64 silent_ms = (now_us - connection->progress_us) / 1000;
  gboolean idle = connection->state == CONNECTION_RELAYING && (guint64)silent_ms > options->idle_ms;
  if (idle || (guint64)age_ms > limit_ms)
    connection_close(connection);
}
