/* Inside lib/prpc: one HTTP exchange of a client, run by curl. */
#pragma once

#include "prpc/client.h"
#include "prpc/client_url.h"

struct PrpcClient {
  PrpcClientUrl url;
  SSL_CTX *tls;
  gboolean verify_host;
  PrpcServerCheck check;
  gpointer check_data;
  guint connect_ms, total_ms;
  GPtrArray *headers; /* of char * */
};

typedef struct {
  const PrpcClient *client;
  const char *verb, *path, *content_type; /* content_type NULL: none is sent */
  const void *body;
  gsize body_len;
  guint total_ms;     /* 0: no limit */
  GByteArray *answer; /* either this, up to max_answer, */
  gsize max_answer;
  PrpcSink sink;      /* or this gets the answer */
  gpointer sink_data;
} PrpcExchange;

/* Errors as of prpc_client_call(). A sink that stops is no error. */
gboolean prpc_exchange_run(PrpcExchange *exchange, int *status, GError **error);
