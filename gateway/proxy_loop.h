/* Inside of the data plane: what a loop and its connections share. */
#pragma once

#include "proxy.h"

#include <glib.h>
#include <openssl/ssl.h>

#define PROXY_MAX_ATTEMPTS 4

typedef struct ProxyLoop ProxyLoop;
typedef struct Connection Connection;

/* One socket in the loop's epoll set. */
typedef struct {
  Connection *connection;
  int fd;           /* -1: closed */
  guint32 interest; /* epoll events asked for */
  gboolean watched; /* in the epoll set */
  SSL *ssl;         /* the client's side of a terminated connection, else NULL */
} Endpoint;

/* One direction: bytes read from `from` and not yet written to `to`. */
typedef struct {
  Endpoint *from, *to;
  guint8 *buffer; /* of the loop's pool; NULL while nothing is in flight */
  gsize start, end;
  gboolean ended;    /* `from` will send nothing more */
  gboolean finished; /* ended, drained, and `to` told so */
} Flow;

typedef enum { CONNECTION_SNIFFING, CONNECTION_PREPARING, CONNECTION_RELAYING, CONNECTION_CLOSED } ConnectionState;

struct Connection {
  ProxyLoop *loop;
  GList link; /* in the loop's list */
  ConnectionState state;
  RouteMode mode;
  Endpoint client, backend;
  Endpoint attempts[PROXY_MAX_ATTEMPTS];
  RegistryTarget targets[REGISTRY_MAX_TARGETS];
  guint n_targets;
  gint winner; /* index of the connected target, -1 before */
  gboolean client_ready; /* passthrough, or the TLS handshake is done */
  Flow up, down;
  gint64 opened_us, progress_us; /* monotonic */
};

/* Takes over an accepted socket. */
void connection_open(ProxyLoop *loop, int fd);
/* An epoll event on one of the connection's endpoints. */
void connection_event(Endpoint *endpoint, guint32 events);
/* Closes it when one of its time limits has passed. */
void connection_check_time(Connection *connection, gint64 now_us);
/* Closes sockets at once; the memory is freed by the loop after the current batch of events. */
void connection_close(Connection *connection);

/* Moves bytes of both directions until they would block. FALSE: the connection is over. */
gboolean relay_pump(Connection *connection);

/* ---- of the loop ---- */
const ProxyOptions *proxy_loop_options(ProxyLoop *loop);
/* With no interest the socket leaves the epoll set, so that a hang-up nobody can act on yet does not wake the loop. */
void proxy_loop_watch(ProxyLoop *loop, Endpoint *endpoint, guint32 interest);
void proxy_loop_forget(ProxyLoop *loop, Endpoint *endpoint); /* closes the socket too */
guint8 *proxy_loop_take_buffer(ProxyLoop *loop);
void proxy_loop_give_buffer(ProxyLoop *loop, guint8 *buffer);
void proxy_loop_add(ProxyLoop *loop, Connection *connection);
void proxy_loop_bury(ProxyLoop *loop, Connection *connection);
