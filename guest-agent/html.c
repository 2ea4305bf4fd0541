#include "guest-agent/html.h"

void html_append(GString *out, const char *text) {
  for (; text && *text; text++)
    switch (*text) {
    case '&':
      g_string_append(out, "&amp;");
      break;
    case '<':
      g_string_append(out, "&lt;");
      break;
    case '>':
      g_string_append(out, "&gt;");
      break;
    case '"':
      g_string_append(out, "&quot;");
      break;
    case '\'':
      g_string_append(out, "&#39;");
      break;
    default:
      g_string_append_c(out, *text);
    }
}

char *html_size(guint64 bytes) {
  static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  double value = (double)bytes;
  guint unit = 0;
  while (value >= 1024 && unit + 1 < G_N_ELEMENTS(units)) {
    value /= 1024;
    unit++;
  }
  return g_strdup_printf("%.2f %s", value, units[unit]);
}
