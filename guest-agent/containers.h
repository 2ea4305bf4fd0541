/* The containers of this guest, as the Docker daemon lists them (spec: prpc-and-agent-api 8, ListContainers). */
#pragma once

#include "guest_api.pb-c.h"

#include <glib.h>

/* Asks the daemon at DOCKER_HOST (unix: only), else /var/run/docker.sock. */
gboolean containers_list(GuestApi__ListContainersResponse *out, GError **error);
/* Parses the body of GET /containers/json. Error INVALID. */
gboolean containers_parse(const char *json, gsize len, GuestApi__ListContainersResponse *out, GError **error);
