#include "vmm/duration.h"

char *duration_text(guint64 seconds) {
  static const struct {
    guint64 length;
    const char *one, *many;
  } units[] = {{31557600, "year", "years"}, {2630016, "month", "months"}, {86400, "day", "days"},
               {3600, "h", "h"},            {60, "m", "m"},               {1, "s", "s"}};
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    guint64 count = seconds / units[i].length;
    seconds %= units[i].length;
    if (count > 0)
      g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "%s", text->len ? " " : "", count,
                             count > 1 ? units[i].many : units[i].one);
  }
  if (text->len == 0)
    g_string_append(text, "0s");
  return g_string_free(text, FALSE);
}
