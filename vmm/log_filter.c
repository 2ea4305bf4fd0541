#include "vmm/log_filter.h"

enum { TEXT, ESCAPE, CONTROL_SEQUENCE, STRING_SEQUENCE, STRING_ESCAPE, CHARSET };

#define C1_CONTROL_SEQUENCE 0x9b /* one character that means ESC [ */

/* The states of ECMA-48 that matter for throwing a sequence away. */
static int next_state(int state, gunichar c) {
  switch (state) {
  case ESCAPE:
    if (c == '[')
      return CONTROL_SEQUENCE;
    if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
      return STRING_SEQUENCE;
    return c >= 0x20 && c <= 0x2f ? CHARSET : TEXT;
  case CHARSET:
    return c >= 0x20 && c <= 0x2f ? CHARSET : TEXT;
  case CONTROL_SEQUENCE:
    return c >= 0x40 && c <= 0x7e ? TEXT : CONTROL_SEQUENCE;
  case STRING_SEQUENCE:
    return c == 0x07 ? TEXT : (c == 0x1b ? STRING_ESCAPE : STRING_SEQUENCE);
  default:
    return TEXT; /* STRING_ESCAPE: whatever follows ends the string */
  }
}

void log_filter(LogFilter *filter, const char *text, GString *out) {
  for (const char *at = text; *at; at = g_utf8_next_char(at)) {
    gunichar c = g_utf8_get_char(at);
    if (c == '\n') { /* a line always comes through: no unfinished sequence may swallow the log */
      filter->state = TEXT;
      g_string_append_c(out, '\n');
    } else if (filter->state != TEXT) {
      filter->state = next_state(filter->state, c);
    } else if (c == 0x1b || c == C1_CONTROL_SEQUENCE) {
      filter->state = c == 0x1b ? ESCAPE : CONTROL_SEQUENCE;
    } else if (!g_unichar_iscntrl(c)) {
      g_string_append_unichar(out, c);
    }
  }
}
