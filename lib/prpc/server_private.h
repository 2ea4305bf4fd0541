/* Inside lib/prpc: the server, its listeners and connections. Everything belongs to the loop's thread unless said
 * otherwise. */
#pragma once

#include "prpc/listen_socket.h"
#include "prpc/loop.h"
#include "prpc/request.h"
#include "prpc/transport.h"

#include <event2/event_struct.h>

typedef struct {
  guint id;
  PrpcServer *server;
  PrpcListenSocket socket;
  PrpcRouter *router;
  PrpcListenOptions options;
  struct event *accept_event; /* NULL once closed */
  guint connections;
  GQueue waiting; /* links inside the connections that wait for their peer: longest first */
} PrpcListener;

typedef enum {
  PRPC_STATE_HEAD,  /* handshake, waiting for a request, or reading its head */
  PRPC_STATE_CHECK, /* a worker judges filter and client certificate */
  PRPC_STATE_BODY,
  PRPC_STATE_HANDLER, /* a worker runs the handler */
  PRPC_STATE_WRITE,
  PRPC_STATE_LINGER, /* the answer is out; what the peer still sends is dropped */
  PRPC_STATE_DEAD,   /* the socket is closed; a worker may still hold the request */
} PrpcConnectionState;

struct PrpcConnection {
  PrpcServer *server;
  PrpcListener *listener;
  PrpcTransport transport;
  PrpcPeer peer;
  PrpcConnectionState state;
  GList link;      /* in server->connections */
  GList idle_link; /* in server->idle, in state HEAD */
  gboolean in_idle;
  GList waiting_link; /* in listener->waiting */
  gboolean in_waiting;
  struct event read_event, write_event, deadline;
  gboolean reading, writing; /* which events are armed */
  struct evbuffer *in, *out;
  gsize head_scanned;
  gboolean input_ended, keep_alive;
  gsize dropped;   /* while lingering */
  gsize held;      /* bytes in buffers, as counted last */
  guint quick_run; /* requests handled on the loop's thread one after another */
  Http1Body body;
  PrpcHttpRequest *request; /* the one in progress */
  gboolean in_worker;       /* a worker holds it */
  X509 *certificate;
  /* Set in a worker while the request is there, read by later ones. */
  gpointer identity;
  gboolean authenticated;
};

struct PrpcServer {
  PrpcLoop *loop;
  GThreadPool *pool;
  guint workers, max_connections;
  GQueue connections, idle; /* links inside the connections; idle: longest first */
  GHashTable *listeners;    /* id -> PrpcListener */
  gint next_listener;       /* atomic */
  gsize held;               /* by all connections */
  gint streams;             /* atomic: running chunked answers, each of which gets a thread of its own */
  struct event *accept_again, *grace_over, *mercy_over;
  const struct timeval *head_timeout, *body_timeout, *write_timeout, *linger_timeout;
  gboolean stopping;
  GThread *thread; /* of prpc_server_start() */
};

/* connection.c */
void prpc_connection_new(PrpcListener *listener, int fd);
/* Closes at once; the memory goes when no worker holds it. */
void prpc_connection_close(PrpcConnection *connection);
/* Letters from workers. */
void prpc_connection_on_worked(gpointer request);
typedef struct {
  PrpcConnection *connection;
  struct evbuffer *piece;
} PrpcStreamLetter;
void prpc_connection_on_stream(gpointer letter);

/* budget.c: counts anew what the connection holds; or that it holds nothing any more. */
void prpc_budget_count(PrpcConnection *connection);
void prpc_budget_return(PrpcConnection *connection);
/* The connection to be closed because all together hold too much, or NULL. */
PrpcConnection *prpc_budget_victim(const PrpcServer *server);

/* worker.c: the thread pool's function. */
void prpc_worker_run(gpointer request, gpointer server);
/* The handler alone, in the thread that calls. */
void prpc_worker_handle(PrpcHttpRequest *request);

/* listener.c */
PrpcListener *prpc_listener_open(PrpcServer *server, const char *address, PrpcRouter *router,
                                 const PrpcListenOptions *options, GError **error);
void prpc_listener_arm(PrpcListener *listener);
/* No more connections; the memory goes with the last connection. */
void prpc_listener_close(PrpcListener *listener);
void prpc_listener_unref(PrpcListener *listener);

/* server.c: told when a connection is gone. */
void prpc_server_connection_gone(PrpcServer *server);
