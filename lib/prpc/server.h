/* The HTTP server of every daemon: prpc services, plain routes and streams over TCP, TLS, unix and vsock listeners
 * (spec: prpc-and-agent-api 1).
 *
 * Sockets live on one event loop thread; handlers run in a bounded pool of worker threads and are plain blocking C. */
#pragma once

#include "prpc/message.h"

#include <glib.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* ---- services ---- */

typedef struct PrpcCall PrpcCall;

/* Fills `response` (an empty message of the method's type), or sets *error: its text becomes the answer, status 400. */
typedef gboolean (*PrpcHandler)(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                gpointer user_data, GError **error);

/* A dispatch table for one protobuf-c service. A method without a handler answers "not implemented yet: <Method>". */
typedef struct PrpcService PrpcService;
/* `trim_prefix` (such as "KMS.", or "") is removed from the front of the method name, repeatedly. */
PrpcService *prpc_service_new(const ProtobufCServiceDescriptor *descriptor, const char *trim_prefix,
                              gpointer user_data);
/* `method` must be in the descriptor: a mistake ends the program. */
void prpc_service_handle(PrpcService *service, const char *method, PrpcHandler handler);
/* Says that the method's handler never waits for anything: small requests are then handled on the event loop's thread,
 * which spares the way to a worker and back. */
void prpc_service_quick(PrpcService *service, const char *method);
/* Body limit of one method in bytes (default 10 MiB), name in any case. */
void prpc_service_limit(PrpcService *service, const char *method, gsize max_body);
void prpc_service_free(PrpcService *service);

/* ---- who calls ---- */

typedef enum { PRPC_PEER_TCP, PRPC_PEER_UNIX, PRPC_PEER_VSOCK } PrpcPeerKind;
typedef struct {
  PrpcPeerKind kind;
  char address[64];  /* TCP: "ip:port" */
  guint32 cid, port; /* vsock */
  gint uid, pid;     /* unix: SO_PEERCRED, else -1 */
} PrpcPeer;

const PrpcPeer *prpc_call_peer(PrpcCall *call);
/* The client's TLS leaf certificate, or NULL. Borrowed. */
X509 *prpc_call_certificate(PrpcCall *call);
/* What the listener's authenticator returned, or NULL. Borrowed. */
gpointer prpc_call_identity(PrpcCall *call);
const char *prpc_call_method(PrpcCall *call);

/* Judges a client certificate before any body is read, in a worker thread, once for each connection and again for each
 * request when it failed. *identity (may stay NULL) is released with the destroy function given. FALSE: status 400 with
 * the error's text. */
typedef gboolean (*PrpcAuthenticator)(X509 *certificate, gpointer user_data, gpointer *identity, GError **error);

/* ---- plain routes ---- */

typedef struct PrpcHttpRequest PrpcHttpRequest;
const char *prpc_http_method(PrpcHttpRequest *request);
const char *prpc_http_path(PrpcHttpRequest *request);                     /* decoded */
const char *prpc_http_query(PrpcHttpRequest *request);                    /* raw, "" when there is none */
const char *prpc_http_header(PrpcHttpRequest *request, const char *name); /* NULL when absent */
GBytes *prpc_http_body(PrpcHttpRequest *request);
const PrpcPeer *prpc_http_peer(PrpcHttpRequest *request);
/* Value of a query parameter, decoded; NULL when absent. Newly allocated. */
char *prpc_http_query_value(PrpcHttpRequest *request, const char *name);

/* Answers a request whole. `extra_headers` is a NULL-terminated list of "Name: value", may be NULL. */
void prpc_http_reply(PrpcHttpRequest *request, int status, const char *content_type, const void *body, gsize len,
                     const char *const *extra_headers);
/* Starts a chunked answer; then prpc_http_stream_write() until it returns FALSE (the client left, or too slow for 30 s)
 * and always prpc_http_stream_end(). Blocking, called from the route's worker thread. */
void prpc_http_stream_start(PrpcHttpRequest *request, int status, const char *content_type);
gboolean prpc_http_stream_write(PrpcHttpRequest *request, const void *data, gsize len);
void prpc_http_stream_end(PrpcHttpRequest *request);

/* Must reply or stream exactly once. */
typedef void (*PrpcRoute)(PrpcHttpRequest *request, gpointer user_data);
/* Decides before routing; FALSE after having replied (401). */
typedef gboolean (*PrpcFilter)(PrpcHttpRequest *request, gpointer user_data);

/* ---- listeners ---- */

/* One set of mounts and routes; several listeners may share it. */
typedef struct PrpcRouter PrpcRouter;
PrpcRouter *prpc_router_new(const char *server_ident);
/* `mount` is "" (methods at "/<Method>") or a path such as "/prpc". The router owns the service. */
void prpc_router_mount(PrpcRouter *router, const char *mount, PrpcService *service);
/* `path` is exact, or with a final asterisk a prefix. `methods` is a list such as "GET,POST". */
void prpc_router_route(PrpcRouter *router, const char *methods, const char *path, gsize max_body, PrpcRoute route,
                       gpointer user_data);
void prpc_router_filter(PrpcRouter *router, PrpcFilter filter, gpointer user_data);
/* Told of every whole answer that goes out, also one given before any handler ran: `method` as in prpc_call_method(), NULL
 * when the request names none. Called on the event loop's thread: it must not wait. */
typedef void (*PrpcObserver)(const char *method, int status, gpointer user_data);
void prpc_router_observe(PrpcRouter *router, PrpcObserver observer, gpointer user_data);
/* A header ("Name: value") sent with every answer. */
void prpc_router_header(PrpcRouter *router, const char *header);
void prpc_router_free(PrpcRouter *router);

typedef struct {
  SSL_CTX *tls; /* NULL: plain. A reference is taken */
  PrpcAuthenticator authenticator;
  gpointer authenticator_data;
  GDestroyNotify identity_free;
  mode_t unix_mode;         /* of a unix socket; 0: 0600 */
  guint32 act_as_vsock_cid; /* != 0: a unix listener whose peers count as vsock peers with this CID; for VMMs whose
                               vsock device is a user-space backend (the backend's socket names the guest) */
  guint max_connections;    /* of this listener alone, beside the server's bound. When it is full, the one whose peer has
                               kept it waiting for the longest makes room, and no other listener notices. 0: no bound */
  guint max_per_vsock_peer; /* connections one CID may have open at a time; more are closed at once. 0: no bound */
  gint fd;                  /* > 0: an already listening socket (socket activation); the address is then a label */
} PrpcListenOptions;

typedef struct PrpcServer PrpcServer;
/* `workers` threads run handlers (1..256); `max_connections` bounds all listeners together. */
PrpcServer *prpc_server_new(guint workers, guint max_connections, GError **error);
/* Address forms: "unix:PATH", "IP:PORT", "[IPv6]:PORT" (each optionally after "tcp:"), "vsock:CID:PORT" (CID decimal or
 * 0x hex). A unix path is guarded by "<path>.lock" and a stale socket replaced. The listener's id (> 0) can be closed
 * again; 0 on error. The router must outlive the server. */
guint prpc_server_listen(PrpcServer *server, const char *address, PrpcRouter *router, const PrpcListenOptions *options,
                         GError **error);
void prpc_server_unlisten(PrpcServer *server, guint listener);
/* The port a TCP listener got (for port 0). */
guint16 prpc_server_port(PrpcServer *server, guint listener);
/* Runs until prpc_server_stop(), SIGINT or SIGTERM; running requests get 2 s, then 3 s more. */
void prpc_server_run(PrpcServer *server);
/* As prpc_server_run() in a thread of its own, without touching signals. For tests and programs with another main loop.
 */
void prpc_server_start(PrpcServer *server);
/* From any thread. */
void prpc_server_stop(PrpcServer *server);
void prpc_server_free(PrpcServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrpcServer, prpc_server_free)
