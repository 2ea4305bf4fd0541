/* JSON with jansson, strictly: no duplicate keys, bounded depth and number of values (65,536), whole input consumed.
 *
 * Typed getters name what they looked for: error INVALID "<what>.<key>: expected a string". A getter whose name ends in
 * _or takes the default when the member is missing or null; the others then fail. Borrowed results live as long as the
 * object. */
#pragma once

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Parses UTF-8 text. Error INVALID "<what>: <reason> at line N". New reference. */
json_t *json_parse(const char *text, gsize len, const char *what, GError **error);
/* The same for text that may nest at most `max_depth` levels. */
json_t *json_parse_bounded(const char *text, gsize len, guint max_depth, const char *what, GError **error);
/* Reads and parses a file of at most `max` bytes. */
json_t *json_parse_file(const char *path, gsize max, GError **error);
/* Compact text in insertion order, UTF-8; '/' is not escaped. */
char *json_print(const json_t *value);

gboolean json_require_object(const json_t *value, const char *what, GError **error);
const char *json_get_string(const json_t *object, const char *key, const char *what, GError **error);
gboolean json_get_string_or(const json_t *object, const char *key, const char *fallback, const char **out, const char *what,
                            GError **error);
/* Integers only: 1.0 and "1" are errors. */
gboolean json_get_uint(const json_t *object, const char *key, guint64 max, guint64 *out, const char *what, GError **error);
gboolean json_get_uint_or(const json_t *object, const char *key, guint64 fallback, guint64 max, guint64 *out,
                          const char *what, GError **error);
gboolean json_get_bool_or(const json_t *object, const char *key, gboolean fallback, gboolean *out, const char *what,
                          GError **error);
/* A hex string member as bytes (rule of hex_decode_prefixed()). New reference. */
GBytes *json_get_hex(const json_t *object, const char *key, const char *what, GError **error);
/* A string array member as a NULL-terminated vector, to be freed with g_strfreev(); missing or null gives an empty one. */
char **json_get_strings_or_empty(const json_t *object, const char *key, const char *what, GError **error);
