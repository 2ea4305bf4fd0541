#include "base/units.h"

#include "base/error.h"

#include <string.h>

static gboolean scale(guint64 value, guint64 factor, guint64 *out) {
  return g_uint64_checked_mul(out, value, factor) && *out != G_MAXUINT64;
}

static guint64 size_factor(char suffix) {
  switch (g_ascii_toupper(suffix)) {
  case '\0':
    return 1;
  case 'K':
    return G_GUINT64_CONSTANT(1) << 10;
  case 'M':
    return G_GUINT64_CONSTANT(1) << 20;
  case 'G':
    return G_GUINT64_CONSTANT(1) << 30;
  case 'T':
    return G_GUINT64_CONSTANT(1) << 40;
  default:
    return 0;
  }
}

/* "1 MiB" and "1M" are one: cuts the text before the suffix and returns its letter, or NUL when there is none. */
static char take_suffix(char *text) {
  gsize len = strlen(text);
  gboolean binary = len > 3 && strcmp(text + len - 2, "iB") == 0 && g_ascii_isalpha(text[len - 3]);
  if (binary)
    text[len -= 2] = '\0';
  char last = len > 0 ? text[len - 1] : '\0';
  if (g_ascii_isdigit(last) || last == '\0')
    return '\0';
  text[len - 1] = '\0';
  if (binary)
    g_strchomp(text);
  return last;
}

gboolean units_parse_size(const char *text, guint64 *bytes, GError **error) {
  g_autofree char *copy = g_strdup(text);
  char *trimmed = g_strstrip(copy);
  gboolean hex = g_ascii_strncasecmp(trimmed, "0x", 2) == 0;
  char last = hex ? '\0' : take_suffix(trimmed);
  guint64 value, factor = size_factor(last);
  if (factor && g_ascii_string_to_unsigned(hex ? trimmed + 2 : trimmed, hex ? 16 : 10, 0, G_MAXUINT64, &value, NULL) &&
      scale(value, factor, bytes))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid size '%s': expected a number with K, M, G or T", text);
  return FALSE;
}

gboolean units_parse_duration(const char *text, guint64 *ms, GError **error) {
  static const struct {
    char suffix;
    guint64 factor;
  } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 86400 * 1000}};
  if (strcmp(text, "never") == 0) {
    *ms = UNITS_DURATION_NEVER;
    return TRUE;
  }
  gsize len = strlen(text);
  for (guint i = 0; len > 1 && i < G_N_ELEMENTS(units); i++) {
    g_autofree char *digits = g_strndup(text, len - 1);
    guint64 value;
    if (text[len - 1] == units[i].suffix && g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, &value, NULL) &&
        scale(value, units[i].factor, ms))
      return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "invalid duration '%s': expected a whole number with s, m, h or d, or 'never'", text);
  return FALSE;
}
