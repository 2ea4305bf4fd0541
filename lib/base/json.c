#include "base/json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"

#include <string.h>

#define MAX_DEPTH 128

/* One value of two bytes costs over 200 once parsed: without a limit 10 MiB would become 700. */
#define MAX_VALUES 65536

typedef struct {
  guint depth, values; /* of the whole text: the greatest depth, and at least as many values as there are */
} Shape;

static Shape shape_of(const char *text, gsize len) {
  Shape shape = {0, 1};
  guint depth = 0;
  gboolean in_string = FALSE;
  for (gsize i = 0; i < len; i++) {
    char c = text[i];
    if (in_string) {
      if (c == '\\')
        i++;
      else if (c == '"')
        in_string = FALSE;
    } else if (c == '"') {
      in_string = TRUE;
    } else if (c == '{' || c == '[') {
      depth++;
      shape.depth = MAX(shape.depth, depth);
      shape.values++;
    } else if (c == ',') {
      shape.values++;
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
  }
  return shape;
}

/* jansson's own nesting limit is 2048, enough to exhaust a small thread stack, and it has none for the number of
 * values. */
static gboolean check_shape(const char *text, gsize len, guint max_depth, const char *what, GError **error) {
  Shape shape = shape_of(text, len);
  if (shape.depth > max_depth) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: nested deeper than %u", what, max_depth);
    return FALSE;
  }
  if (shape.values > MAX_VALUES) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "%s: more than %d values", what, MAX_VALUES);
    return FALSE;
  }
  return TRUE;
}

json_t *json_parse(const char *text, gsize len, const char *what, GError **error) {
  return json_parse_bounded(text, len, MAX_DEPTH, what, error);
}

json_t *json_parse_bounded(const char *text, gsize len, guint max_depth, const char *what, GError **error) {
  if (!check_shape(text, len, max_depth, what, error))
    return NULL;
  json_error_t reason;
  json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
  if (!value)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s at line %d", what, reason.text, reason.line);
  return value;
}

json_t *json_parse_file(const char *path, gsize max, GError **error) {
  g_autoptr(GBytes) content = file_read(path, max, error);
  if (!content)
    return NULL;
  gsize len;
  const char *text = g_bytes_get_data(content, &len);
  return json_parse(text, len, path, error);
}

char *json_print(const json_t *value) {
  char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  char *copy = g_strdup(text);
  free(text);
  return copy;
}

static void wrong_type(const char *what, const char *key, const char *expected, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.%s: expected %s", what, key, expected);
}

gboolean json_require_object(const json_t *value, const char *what, GError **error) {
  if (json_is_object(value))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected an object", what);
  return FALSE;
}

static json_t *member(const json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  return json_is_null(value) ? NULL : value;
}

const char *json_get_string(const json_t *object, const char *key, const char *what, GError **error) {
  json_t *value = member(object, key);
  /* An embedded NUL would cut the text for every C consumer: refused here, once. */
  if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
    return json_string_value(value);
  wrong_type(what, key, value ? "a string" : "a string, but it is missing", error);
  return NULL;
}

gboolean json_get_string_or(const json_t *object, const char *key, const char *fallback, const char **out,
                            const char *what, GError **error) {
  *out = member(object, key) ? json_get_string(object, key, what, error) : fallback;
  return *out != NULL || !member(object, key);
}

gboolean json_get_uint(const json_t *object, const char *key, guint64 max, guint64 *out, const char *what,
                       GError **error) {
  json_t *value = member(object, key);
  if (!json_is_integer(value) || json_integer_value(value) < 0 || (guint64)json_integer_value(value) > max) {
    g_autofree char *expected = g_strdup_printf("an integer from 0 to %" G_GUINT64_FORMAT, max);
    wrong_type(what, key, expected, error);
    return FALSE;
  }
  *out = (guint64)json_integer_value(value);
  return TRUE;
}

gboolean json_get_uint_or(const json_t *object, const char *key, guint64 fallback, guint64 max, guint64 *out,
                          const char *what, GError **error) {
  *out = fallback;
  return !member(object, key) || json_get_uint(object, key, max, out, what, error);
}

gboolean json_get_bool_or(const json_t *object, const char *key, gboolean fallback, gboolean *out, const char *what,
                          GError **error) {
  json_t *value = member(object, key);
  *out = value ? json_is_true(value) : fallback;
  if (!value || json_is_boolean(value))
    return TRUE;
  wrong_type(what, key, "true or false", error);
  return FALSE;
}

GBytes *json_get_hex(const json_t *object, const char *key, const char *what, GError **error) {
  const char *text = json_get_string(object, key, what, error);
  GBytes *bytes = text ? hex_decode_prefixed(text, error) : NULL;
  if (text && !bytes)
    g_prefix_error(error, "%s.%s: ", what, key);
  return bytes;
}

char **json_get_strings_or_empty(const json_t *object, const char *key, const char *what, GError **error) {
  json_t *value = member(object, key);
  if (value && !json_is_array(value)) {
    wrong_type(what, key, "an array of strings", error);
    return NULL;
  }
  g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
  size_t index;
  json_t *item;
  json_array_foreach(value, index, item) {
    if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item)) {
      wrong_type(what, key, "an array of strings", error);
      return NULL;
    }
    g_ptr_array_add(strings, g_strdup(json_string_value(item)));
  }
  g_ptr_array_add(strings, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}
