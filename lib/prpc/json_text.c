#include "prpc/json_text.h"

static void append_pair(GString *out, char letter) {
  const char pair[] = {'\\', letter};
  g_string_append_len(out, pair, sizeof pair);
}

static void append_escaped(GString *out, gunichar c) {
  static const char short_names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
  if (c == '"' || c == '\\')
    append_pair(out, (char)c);
  else if (c >= 0x20 && c < 0x80)
    g_string_append_c(out, (char)c);
  else if (c < sizeof short_names && short_names[c])
    append_pair(out, short_names[c]);
  else if (c < 0x10000)
    g_string_append_printf(out, "\\u%04x", c);
  else
    g_string_append_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
}

/* How many characters stand for themselves. */
static gsize plain_length(const char *text) {
  gsize len = 0;
  while (text[len] >= 0x20 && text[len] < 0x7f && text[len] != '"' && text[len] != '\\')
    len++;
  return len;
}

void prpc_json_append_string(GString *out, const char *text) {
  g_autofree char *repaired = NULL;
  if (!text)
    text = "";
  if (!g_utf8_validate(text, -1, NULL))
    text = repaired = g_utf8_make_valid(text, -1);
  g_string_append_c(out, '"');
  for (const char *at = text; *at;) {
    gsize plain = plain_length(at);
    g_string_append_len(out, at, (gssize)plain);
    at += plain;
    if (*at) {
      append_escaped(out, g_utf8_get_char(at));
      at = g_utf8_next_char(at);
    }
  }
  g_string_append_c(out, '"');
}
