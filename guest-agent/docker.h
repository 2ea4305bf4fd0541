/* The Docker daemon of this guest. */
#pragma once

#include "prpc/client.h"

/* A client of the daemon at DOCKER_HOST ("unix:///path" only), else at /var/run/docker.sock. It waits 5 s for an
 * answer; a streamed one has no total limit. */
PrpcClient *docker_client_new(GError **error);
/* TRUE for a name that can stand in a path of Docker's API: letters, digits, "_", "." and "-", beginning with a letter
 * or digit. */
gboolean docker_name_ok(const char *name);
