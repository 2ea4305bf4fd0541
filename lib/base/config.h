/* Layered configuration: built-in defaults, then files, each TOML or JSON; later layers win, tables merge key by key,
 * arrays and scalars are replaced whole.
 *
 * Keys are dotted paths ("core.image.verify"). A wrong type is an error that names the key and where it was set
 * ("kms.toml:12: core.image.verify: expected true or false"). Every getter marks its key as known; after all are read,
 * config_warn_unknown() logs the keys nobody asked for. */
#pragma once

#include "base/json.h"

#include <glib.h>

typedef struct Config Config;

/* `defaults` is TOML text of the program's own; a mistake in it ends the program. */
Config *config_new(const char *defaults);
void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

/* Adds one file: TOML when its name ends in .toml, else JSON. Error NOT_FOUND when it is missing, INVALID on a syntax error. */
gboolean config_add_file(Config *config, const char *path, GError **error);
/* The standard layers of a daemon: /etc/<name>/<name>.toml, .json, ./<name>.toml, .json (each only if present), then
 * `explicit_path` (NULL for none), which must exist. */
gboolean config_add_standard_files(Config *config, const char *name, const char *explicit_path, GError **error);
/* Overlays the table `profile` over the table "default" and makes the result the root (guest agent, supervisor). */
void config_select_profile(Config *config, const char *profile);

gboolean config_has(Config *config, const char *key);
/* Each getter fails with INVALID when the key is missing or of another type. Strings are borrowed from the config. */
gboolean config_get_string(Config *config, const char *key, const char **out, GError **error);
gboolean config_get_bool(Config *config, const char *key, gboolean *out, GError **error);
gboolean config_get_uint(Config *config, const char *key, guint64 max, guint64 *out, GError **error);
/* An integer of bytes, or text for units_parse_size(). */
gboolean config_get_size(Config *config, const char *key, guint64 *bytes, GError **error);
/* Text for units_parse_duration(). */
gboolean config_get_duration(Config *config, const char *key, guint64 *ms, GError **error);
/* A NULL-terminated vector, to be freed with g_strfreev(). */
gboolean config_get_strings(Config *config, const char *key, char ***out, GError **error);
/* The raw value, for tables and arrays of tables; borrowed; NULL when missing. Marks everything below as known. */
const json_t *config_get_json(Config *config, const char *key);

/* Where a key was last set, "file:line" or "defaults"; borrowed. */
const char *config_origin(Config *config, const char *key);
void config_warn_unknown(Config *config);
