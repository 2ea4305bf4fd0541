/* Where a host name leads: `<id>[-[<port>][s|g]].<base_domain>` (spec: gateway 13.3). */
#pragma once

#include <glib.h>

typedef enum {
  ROUTE_TERMINATE,    /* TLS ends here, plain TCP to the app */
  ROUTE_TERMINATE_H2, /* the same with ALPN h2 */
  ROUTE_PASSTHROUGH,  /* TLS bytes untouched */
} RouteMode;

#define ROUTE_MAX_ID 63

typedef struct {
  char id[ROUTE_MAX_ID + 1];
  guint16 port;
  RouteMode mode;
} Route;

/* `name` as of sni_parse(), `base_domain` in lower case without a leading dot.
 * Error NOT_FOUND: the name is not below the base domain (a custom domain). Error INVALID: it is, but malformed. */
gboolean route_parse(const char *name, const char *base_domain, Route *route, GError **error);
