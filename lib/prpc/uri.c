#include "prpc/uri.h"

#include <string.h>

char *prpc_percent_decode(const char *text, gsize len, gboolean plus_is_space) {
  g_autoptr(GString) out = g_string_sized_new(len);
  for (gsize i = 0; i < len; i++) {
    char c = text[i];
    if (c == '%') {
      int high = len - i > 2 ? g_ascii_xdigit_value(text[i + 1]) : -1;
      int low = len - i > 2 ? g_ascii_xdigit_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return NULL;
      c = (char)(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    g_string_append_c(out, c);
  }
  if (!g_utf8_validate_len(out->str, out->len, NULL))
    return NULL;
  return g_string_free(g_steal_pointer(&out), FALSE);
}

gboolean prpc_query_next(const char **at, PrpcQueryPart *part) {
  while (**at == '&')
    (*at)++;
  if (!**at)
    return FALSE;
  gsize len = strcspn(*at, "&");
  const char *equals = memchr(*at, '=', len);
  part->key = *at;
  part->key_len = equals ? (gsize)(equals - *at) : len;
  part->value = equals ? equals + 1 : *at + len;
  part->value_len = (gsize)(*at + len - part->value);
  *at += len;
  return TRUE;
}

char *prpc_query_find(const char *query, const char *name) {
  PrpcQueryPart part;
  while (prpc_query_next(&query, &part))
    if (part.key_len == strlen(name) && memcmp(part.key, name, part.key_len) == 0)
      return prpc_percent_decode(part.value, part.value_len, TRUE);
  return NULL;
}

static gboolean decodes(const char *text, gsize len) {
  g_autofree char *decoded = prpc_percent_decode(text, len, TRUE);
  return decoded != NULL;
}

gboolean prpc_query_decodes(const char *query) {
  PrpcQueryPart part;
  while (prpc_query_next(&query, &part))
    if (!decodes(part.key, part.key_len) || !decodes(part.value, part.value_len))
      return FALSE;
  return TRUE;
}

/* The path and query of "http://host/path?query", or NULL. */
static const char *skip_authority(const char *target) {
  const char *rest = strstr(target, "://");
  if (!rest || (g_ascii_strncasecmp(target, "http://", 7) != 0 && g_ascii_strncasecmp(target, "https://", 8) != 0))
    return NULL;
  return rest + 3 + strcspn(rest + 3, "/?");
}

static gboolean append_segment(GString *path, const char *segment, gsize len) {
  g_autofree char *decoded = prpc_percent_decode(segment, len, FALSE);
  if (!decoded)
    return FALSE;
  g_string_append_c(path, '/');
  for (const char *c = decoded; *c; c++)
    if (*c == '/')
      g_string_append(path, "%2F");
    else
      g_string_append_c(path, *c);
  return TRUE;
}

gboolean prpc_target_split(const char *target, char **path, char **query) {
  const char *at = target[0] == '/' ? target : skip_authority(target);
  if (!at || strchr(at, '#'))
    return FALSE;
  const char *end = at + strcspn(at, "?");
  g_autoptr(GString) out = g_string_new(NULL);
  gboolean ends_in_slash = end > at && end[-1] == '/';
  while (at < end) {
    gsize len = strcspn(at, "/?");
    if (len > 0 && !append_segment(out, at, len))
      return FALSE;
    at += len;
    if (at < end)
      at++;
  }
  if (ends_in_slash || out->len == 0)
    g_string_append_c(out, '/');
  *query = g_strdup(*end == '?' ? end + 1 : end);
  *path = g_string_free(g_steal_pointer(&out), FALSE);
  return TRUE;
}
