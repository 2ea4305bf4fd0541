#include "cli/size.h"

#include "base/error.h"

#include <string.h>

#define MAX_DIGITS 12

typedef struct {
  char letter; /* of the unit, upper case */
  guint64 factor;
} Unit;

/* Digits with at most one point among them, then nothing or a unit of one letter, maybe followed by B. */
static gboolean split(const char *text, guint64 *value, guint64 *divisor, char *unit) {
  gsize whole = strspn(text, "0123456789"), fraction = 0;
  const char *rest = text + whole;
  if (*rest == '.')
    fraction = strspn(rest + 1, "0123456789");
  if (whole == 0 || whole + fraction > MAX_DIGITS || (*rest == '.' && fraction == 0))
    return FALSE;
  *value = 0;
  *divisor = 1;
  for (gsize i = 0; i < whole + (fraction ? fraction + 1 : 0); i++)
    if (text[i] != '.')
      *value = *value * 10 + (guint64)(text[i] - '0');
  for (gsize i = 0; i < fraction; i++)
    *divisor *= 10;
  rest += fraction ? fraction + 1 : 0;
  *unit = g_ascii_toupper(*rest);
  return !*rest || !rest[1] || (g_ascii_toupper(rest[1]) == 'B' && !rest[2]);
}

static gboolean parse(const char *text, const Unit *units, guint n_units, const char *expected, guint32 *out, GError **error) {
  g_autofree char *copy = g_strstrip(g_strdup(text));
  guint64 value, divisor;
  char letter;
  if (split(copy, &value, &divisor, &letter))
    for (guint i = 0; i < n_units; i++) {
      guint64 scaled = value * units[i].factor;
      if (letter && units[i].letter != letter)
        continue;
      if (scaled % divisor != 0 || scaled / divisor > G_MAXUINT32)
        break;
      *out = (guint32)(scaled / divisor);
      return TRUE;
    }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid size '%s': expected %s", text, expected);
  return FALSE;
}

gboolean size_parse_memory(const char *text, guint32 *megabytes, GError **error) {
  static const Unit units[] = {{'M', 1}, {'G', 1024}, {'T', 1024 * 1024}};
  return parse(text, units, G_N_ELEMENTS(units), "megabytes, or a number with M, G or T", megabytes, error);
}

gboolean size_parse_disk(const char *text, guint32 *gigabytes, GError **error) {
  static const Unit units[] = {{'G', 1}, {'T', 1024}};
  return parse(text, units, G_N_ELEMENTS(units), "gigabytes, or a number with G or T", gigabytes, error);
}
