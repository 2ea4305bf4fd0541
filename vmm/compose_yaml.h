/* The one check on a docker-compose file before it is deployed: that Compose will be able to read it at all. */
#pragma once

#include <glib.h>

/* Error INVALID "line N: ...": no YAML, more than one document, not a mapping, or without a mapping `services`. */
gboolean compose_yaml_check(const char *text, GError **error);
