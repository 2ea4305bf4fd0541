/* Inside lib/prpc: one HTTP exchange of a client. */
#pragma once

#include "prpc/client.h"
#include "prpc/client_url.h"

struct PrpcClient {
  PrpcClientUrl url;
  SSL_CTX *tls;
  gboolean verify_host;
  PrpcServerCheck check;
  gpointer check_data;
  guint connect_ms, total_ms, idle_ms;
  GPtrArray *headers;     /* of char * */
  GAsyncQueue *idle_curl; /* of CURL *, each with its connection; NULL: a connection for each call */
};

typedef struct {
  const PrpcClient *client;
  const char *verb, *path, *content_type; /* content_type NULL: none is sent */
  const void *body;
  gsize body_len;
  guint total_ms;     /* 0: no limit */
  guint idle_ms;      /* between two pieces; 0: no limit */
  GByteArray *answer; /* either this, up to max_answer, */
  gsize max_answer;
  PrpcSink sink; /* or this gets the answer */
  gpointer sink_data;
} PrpcExchange;

/* Runs it by the transport the URL names. Errors as of prpc_client_call(). A sink that stops is no error. */
gboolean prpc_exchange_run(PrpcExchange *exchange, int *status, GError **error);
/* Over http and https, by curl. */
gboolean prpc_exchange_run_curl(PrpcExchange *exchange, int *status, GError **error);
/* Frees a curl handle and its connection. */
void prpc_exchange_drop_curl(gpointer curl);
/* Over the socket forms, with our own codec: curl 7.88 (Debian 12) can not be given a connected socket. */
gboolean prpc_exchange_run_socket(PrpcExchange *exchange, int *status, GError **error);

/* Hands a piece of the answer on. FALSE: enough; *error is set unless it was the sink who said so. */
gboolean prpc_exchange_take(PrpcExchange *exchange, const void *data, gsize len, GError **error);
