/* Inside lib/prpc: connected sockets of the kinds curl knows nothing of. */
#pragma once

#include "prpc/client_url.h"

/* Connects within `timeout_ms`. -1 on error: UNAVAILABLE, TIMEOUT, NOT_FOUND, IO. */
int prpc_client_socket_connect(const PrpcClientUrl *url, guint timeout_ms, GError **error);
