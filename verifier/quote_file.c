#include "quote_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "tdx/event_log.h"

#include <string.h>

/* Without white space, which hex dumps have between their lines, and with a "0x" in lower case. */
static char *squeeze(const char *text) {
  GString *out = g_string_new(NULL);
  for (; *text; text++)
    if (!g_ascii_isspace(*text))
      g_string_append_c(out, *text);
  if (g_str_has_prefix(out->str, "0X"))
    out->str[1] = 'x';
  return g_string_free(out, FALSE);
}

static gboolean is_hex_text(const char *text) {
  if (g_str_has_prefix(text, "0x"))
    text += 2;
  return *text && strspn(text, "0123456789abcdefABCDEF") == strlen(text);
}

/* A quote begins with its version, which no text begins with. */
static gboolean is_printable(const char *text) {
  while (g_ascii_isprint(*text) || g_ascii_isspace(*text))
    text++;
  return !*text;
}

static json_t *parse_object(const char *text, const char *path, GError **error) {
  g_autoptr(json_t) json = json_parse(text, strlen(text), path, error);
  return json && json_require_object(json, path, error) ? g_steal_pointer(&json) : NULL;
}

static GBytes *decode_json(const char *text, const char *path, GError **error) {
  g_autoptr(json_t) json = parse_object(text, path, error);
  return json ? json_get_hex(json, "quote", path, error) : NULL;
}

GBytes *quote_file_read(const char *path, gboolean force_hex, GError **error) {
  g_autoptr(GBytes) content = file_read(path, QUOTE_FILE_MAX_SIZE, error);
  if (!content)
    return NULL;
  gsize len;
  const char *data = g_bytes_get_data(content, &len);
  gboolean is_text = len > 0 && g_utf8_validate(data, (gssize)len, NULL);
  g_autofree char *text = is_text ? g_strstrip(g_strndup(data, len)) : NULL;
  g_autofree char *digits = text ? squeeze(text) : NULL;
  if (digits && (force_hex || is_hex_text(digits))) {
    GBytes *quote = hex_decode_prefixed(digits, error);
    if (!quote)
      g_prefix_error(error, "%s: ", path);
    return quote;
  }
  if (text && *text == '{')
    return decode_json(text, path, error);
  if (!force_hex && !(text && is_printable(text)))
    return g_steal_pointer(&content);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s", path,
              force_hex ? "not hex text" : "neither a quote, nor its hex text, nor a json object with it");
  return NULL;
}

char *event_log_file_read(const char *path, GError **error) {
  g_autofree char *text = file_read_text(path, TDX_LOG_MAX_JSON, error);
  if (!text || *g_strchug(text) != '{')
    return g_steal_pointer(&text);
  g_autoptr(json_t) json = parse_object(text, path, error);
  return json ? g_strdup(json_get_string(json, "event_log", path, error)) : NULL;
}
