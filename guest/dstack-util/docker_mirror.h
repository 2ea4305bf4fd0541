/* The host's registry mirror in Docker's configuration (spec: guest-os 12.1). Harmless when hostile: images are pinned
 * by digest in the measured compose, or they are not pinned at all. */
#pragma once

#include <glib.h>

/* Sets "registry-mirrors" in the daemon.json at `path`, which may be missing and otherwise must be an object. Error
 * INVALID unless `url` is http or https with a host. */
gboolean docker_mirror_set(const char *path, const char *url, GError **error);
