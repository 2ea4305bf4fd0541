#include "guest-agent/ansi.h"

#include <string.h>

#define ESC '\x1b'
#define BEL '\x07'

static gboolean in_range(char c, char low, char high) { return c >= low && c <= high; }

/* Past the parameters and intermediates of a control sequence and its final byte. */
static const char *skip_control_sequence(const char *at) {
  while (in_range(*at, 0x20, 0x3f))
    at++;
  return in_range(*at, 0x40, 0x7e) ? at + 1 : at;
}

/* Past a string that BEL or "ESC \" ends. */
static const char *skip_string(const char *at) {
  for (; *at; at++) {
    if (*at == BEL)
      return at + 1;
    if (*at == ESC)
      return at[1] == '\\' ? at + 2 : at;
  }
  return at;
}

/* `at` stands behind the ESC. */
static const char *skip_escape(const char *at) {
  if (*at == '[')
    return skip_control_sequence(at + 1);
  if (*at && strchr("]PX^_", *at))
    return skip_string(at + 1);
  while (in_range(*at, 0x20, 0x2f))
    at++;
  return in_range(*at, 0x30, 0x7e) ? at + 1 : at;
}

char *ansi_strip(const char *text) {
  GString *out = g_string_sized_new(strlen(text));
  while (*text) {
    gsize plain = strcspn(text, "\x1b");
    g_string_append_len(out, text, (gssize)plain);
    text += plain;
    if (*text)
      text = skip_escape(text + 1);
  }
  return g_string_free(out, FALSE);
}
