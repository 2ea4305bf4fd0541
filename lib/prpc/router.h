/* Inside lib/prpc: which of a router's mounts and routes a request belongs to. */
#pragma once

#include "prpc/server.h"

typedef struct {
  char *path; /* without the final asterisk */
  gboolean is_prefix;
  char **methods;
  gsize max_body;
  PrpcRoute run;
  gpointer user_data;
} PrpcRouteEntry;

struct PrpcRouter {
  char *ident;
  GPtrArray *headers; /* of char * */
  GPtrArray *mounts;  /* of PrpcMount * */
  GPtrArray *routes;  /* of PrpcRouteEntry * */
  PrpcFilter filter;
  gpointer filter_data;
  PrpcObserver observer;
  gpointer observer_data;
};

/* Exactly one of `service` and `route` is set, or `status` tells which page to answer. */
typedef struct {
  PrpcService *service;
  const char *method; /* after trimming; points into the path given */
  const PrpcRouteEntry *route;
  gsize max_body;
  int status;
} PrpcTarget;

PrpcTarget prpc_router_resolve(const PrpcRouter *router, const char *verb, const char *path);
