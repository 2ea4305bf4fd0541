/* The prpc client: JSON calls over TCP, TLS, unix sockets and vsock (spec: prpc-and-agent-api 1.10). Thread-safe: each
 * call uses a connection of its own, which is closed after it unless prpc_client_keep_alive() was called. */
#pragma once

#include "prpc/message.h"

#include <glib.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

typedef struct PrpcClient PrpcClient;

/* Base URL forms: "http://host:port/prefix", "https://...", "unix:/path.sock" (optionally "unix:/path.sock|/prefix"),
 * "vsock://CID:PORT/prefix", "vsock+unix:/path.sock:PORT|/prefix" (a user-space vsock backend: `connect PORT\n` first).
 * Trailing slashes of the prefix are dropped. Error INVALID. */
PrpcClient *prpc_client_new(const char *base_url, GError **error);
void prpc_client_free(PrpcClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrpcClient, prpc_client_free)

/* TLS settings for https. A reference is taken. With `verify_host` FALSE the host name is not compared. */
void prpc_client_set_tls(PrpcClient *client, SSL_CTX *context, gboolean verify_host);
/* Judges the server's leaf certificate inside the handshake, before anything is sent. */
typedef gboolean (*PrpcServerCheck)(X509 *certificate, gpointer user_data, GError **error);
void prpc_client_set_server_check(PrpcClient *client, PrpcServerCheck check, gpointer user_data);
/* Default 5 s and 60 s. */
void prpc_client_set_timeouts(PrpcClient *client, guint connect_ms, guint total_ms);
/* Ends a stream in which nothing came for that long, with TIMEOUT; 0, as at first: never. */
void prpc_client_set_idle_timeout(PrpcClient *client, guint idle_ms);
/* Keeps connections for later calls: as many as there are calls at a time. Only over plain "http:", where no connection
 * has a certificate to be judged. To be called before the first call. */
void prpc_client_keep_alive(PrpcClient *client);
/* Adds "Name: value" to every request. */
void prpc_client_add_header(PrpcClient *client, const char *header);

/* POST <base>/<Method>?json. `request` NULL sends `null`. The result is a new message of type `response_type`. Errors:
 * the server's `error` text with code DENIED and prefix "<Method>: ", UNAVAILABLE (no connection), TIMEOUT, INVALID
 * (bad answer), TOO_LARGE (answer over 16 MiB). */
ProtobufCMessage *prpc_client_call(PrpcClient *client, const char *method, const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response_type, GError **error);

/* A plain HTTP exchange on the same transports. `path` is appended to the base as it is. *status gets the HTTP status.
 */
GBytes *prpc_client_http(PrpcClient *client, const char *verb, const char *path, const char *content_type,
                         const void *body, gsize len, gsize max_answer, int *status, GError **error);
/* A streamed GET: `sink` gets each piece and returns FALSE to stop. *status is known when it is called. No total time
 * limit. */
typedef gboolean (*PrpcSink)(const void *data, gsize len, gpointer user_data);
gboolean prpc_client_stream(PrpcClient *client, const char *path, PrpcSink sink, gpointer user_data, int *status,
                            GError **error);
