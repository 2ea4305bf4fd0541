/* The data plane: public TLS connections by SNI to the instances (spec: gateway 13).
 *
 * One epoll loop per core, each with its own SO_REUSEPORT listener; no locks and no allocation per read. */
#pragma once

#include "certificate.h"
#include "registry.h"

#include <glib.h>

typedef struct {
  const char *listen_addr; /* IPv4 */
  guint16 listen_port;     /* 0: any, for tests */
  guint workers;           /* loops */
  const char *base_domain; /* lower case, no leading dot */
  guint connect_top_n;
  gsize buffer_size;       /* bytes a direction, taken only while data is in flight */
  guint max_connections;   /* of all loops together */
  guint64 handshake_ms, connect_ms, idle_ms, total_ms;
  Registry *registry;
  CertificateStore *certificates;
} ProxyOptions;

typedef struct Proxy Proxy;

/* Binds and starts the loops. Strings in `options` must outlive the proxy. */
Proxy *proxy_start(const ProxyOptions *options, GError **error);
/* Closes every connection and joins the loops. */
void proxy_stop(Proxy *proxy);
guint16 proxy_port(Proxy *proxy);
guint proxy_connections(Proxy *proxy);
