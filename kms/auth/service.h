/* The webhook's HTTP shapes, the same for every backend (spec: contracts 7.2, the newer forms). */
#pragma once

#include "kms/auth/backend.h"

#include "prpc/server.h"

/* GET /, POST /bootAuth/app, POST /bootAuth/kms; everything else is 404. The backend must outlive the router. */
PrpcRouter *auth_router_new(const AuthBackend *backend);

/* Serves until SIGINT or SIGTERM; returns the program's exit status. `port` is text: "0" to "65535". */
int auth_serve(const AuthBackend *backend, const char *host, const char *port);
