#include "cli/terminal.h"

#include <string.h>
#include <unistd.h>

gboolean terminal_has_colour(FILE *stream) {
  const char *term = g_getenv("TERM");
  return isatty(fileno(stream)) && !g_getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

char *terminal_status(const char *status, gboolean colour) {
  const char *code = "90"; /* grey */
  if (strcmp(status, "running") == 0)
    code = "32";
  else if (strcmp(status, "exited") == 0)
    code = "31";
  else if (strcmp(status, "stopping") == 0 || strcmp(status, "removing") == 0)
    code = "33";
  return colour ? g_strdup_printf("\x1b[%sm%s\x1b[0m", code, status) : g_strdup(status);
}

char *terminal_safe(const char *text) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  GString *out = g_string_new(NULL);
  for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
    gunichar c = g_utf8_get_char(at);
    g_string_append_unichar(out, g_unichar_iscntrl(c) ? 0xfffd : c);
  }
  return g_string_free(out, FALSE);
}
