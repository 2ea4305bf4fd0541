/* The encrypted environment: from the deployer's envelope to the app's variables (spec: guest-os 10). */
#pragma once

#include "base/secret.h"

#include <glib.h>

/* Names to values, sorted bytewise by name (a GTree of owned strings). */
typedef GTree EnvMap;
EnvMap *env_map_new(void);

/* Opens the envelope and applies the rules. An absent key or an empty envelope gives an empty map. Errors never contain
 * names or values from inside. */
EnvMap *env_decrypt(const Secret *key, GBytes *envelope, char **allowed, GError **error);
/* The rules alone, on the plaintext. */
EnvMap *env_parse(const char *json, gsize len, char **allowed, GError **error);
