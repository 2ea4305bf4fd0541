#include "dcap/json_cut.h"

#include "base/error.h"
#include "base/json.h"
#include "dcap/signed_json.h"

#include <string.h>

static gboolean is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* `at` stands on the opening quote of a string; returns what follows its closing one. */
static const char *after_string(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++)
    at += *at == '\\';
  return at < end ? at + 1 : end;
}

/* The end of the value that begins at `at`: where its nesting is over. */
static const char *after_value(const char *at, const char *end) {
  guint depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = after_string(at, end);
      if (depth == 0)
        return at;
      continue;
    }
    if (depth == 0 && (*at == ',' || *at == '}' || is_space(*at)))
      return at;
    depth += *at == '{' || *at == '[';
    if (*at == '}' || *at == ']')
      if (--depth == 0)
        return at + 1;
    at++;
  }
  return end;
}

static const char *after_spaces(const char *at, const char *end) {
  while (at < end && is_space(*at))
    at++;
  return at;
}

/* Walks the members of an object that is known to be well-formed. */
static gboolean find(const char *at, const char *end, const char *key, const char **value, gsize *value_len) {
  at = after_spaces(at, end) + 1; /* the opening brace */
  while ((at = after_spaces(at, end)) < end && *at == '"') {
    const char *name = at + 1;
    at = after_string(at, end);
    gboolean found = (gsize)(at - 1 - name) == strlen(key) && strncmp(name, key, strlen(key)) == 0;
    at = after_spaces(after_spaces(at, end) + 1, end); /* the colon */
    const char *after = after_value(at, end);
    if (found) {
      *value = at;
      *value_len = (gsize)(after - at);
      return TRUE;
    }
    at = after_spaces(after, end);
    at += at < end && *at == ',';
  }
  return FALSE;
}

gboolean dcap_json_cut(const char *text, gsize len, const char *key, const char *what, const char **value,
                       gsize *value_len, GError **error) {
  g_autoptr(json_t) json = json_parse_bounded(text, len, DCAP_JSON_MAX_DEPTH, what, error);
  if (!json || !json_require_object(json, what, error))
    return FALSE;
  if (find(text, text + len, key, value, value_len))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: no member '%s'", what, key);
  return FALSE;
}
