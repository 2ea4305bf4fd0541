/* Inside lib/prpc: the router's own answers, for requests that reach no service and no route (spec:
 * prpc-and-agent-api 1.6). */
#pragma once

#include <glib.h>

/* The page of a status, as HTML, or as JSON when `accept` (may be NULL) prefers it. *content_type is static. */
GBytes *prpc_page(int status, const char *accept, const char **content_type);
