/* Inside lib/prpc: the forms of a client's base URL. */
#pragma once

#include <glib.h>

typedef enum { PRPC_ROUTE_HTTP, PRPC_ROUTE_UNIX, PRPC_ROUTE_VSOCK, PRPC_ROUTE_VSOCK_UNIX } PrpcRouteKind;

typedef struct {
  PrpcRouteKind kind;
  char *base;        /* "http://host:port/prefix", of the socket forms only "/prefix"; without a final slash */
  char *host;        /* for the header of the socket forms */
  char *socket_path; /* unix forms */
  guint32 cid, port; /* vsock forms */
} PrpcClientUrl;

/* Error INVALID. */
gboolean prpc_client_url_parse(PrpcClientUrl *url, const char *text, GError **error);
void prpc_client_url_clear(PrpcClientUrl *url);
