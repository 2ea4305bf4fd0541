/* One HTTP request at a time, over a unix socket or TCP. */
#pragma once

#include "dstack/dstack.h"

typedef struct transport transport;

/* NULL without memory. */
transport *transport_new(const char *endpoint);
void transport_free(transport *transport);
const char *transport_endpoint(const transport *transport);

/* Posts `body` as JSON. On success `answer` holds the answer's body, ended by a NUL that does not count, and
 * `http_status` its status, whatever that is. `method` is for messages. */
dstack_status transport_post(transport *transport, const char *path, const char *method, const char *body,
                             unsigned timeout_ms, int *http_status, dstack_bytes *answer, dstack_error *error);
