#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *program_name = "dstack";
static LogLevel max_level = LOG_INFO;

static const char *const level_names[] = {"off", "error", "warn", "info", "debug"};

void log_init(const char *program, LogLevel default_level) {
  program_name = program;
  max_level = default_level;
  const char *wanted = g_getenv("RUST_LOG");
  if (!wanted)
    return;
  if (g_ascii_strcasecmp(wanted, "trace") == 0)
    max_level = LOG_DEBUG;
  for (guint i = 0; i < G_N_ELEMENTS(level_names); i++)
    if (g_ascii_strcasecmp(wanted, level_names[i]) == 0)
      max_level = (LogLevel)i;
}

LogLevel log_level(void) { return max_level; }

/* U+0080 to U+009F: a terminal may take these for the start of an escape sequence. */
static gboolean is_c1_control(const guchar *p) { return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f; }

char *log_escape(const char *text) {
  GString *out = g_string_sized_new(128);
  for (const guchar *p = (const guchar *)text; *p; p++) {
    gboolean c1 = is_c1_control(p);
    if (c1)
      p++; /* the second byte alone is a control on a terminal of eight bits: both go */
    if (c1 || *p < 0x20 || *p == 0x7f)
      g_string_append_printf(out, "\\x%02x", *p);
    else
      g_string_append_c(out, (char)*p);
  }
  return g_string_free(out, FALSE);
}

void log_write(LogLevel level, const char *format, ...) {
  if (level > max_level || level == LOG_OFF)
    return;
  va_list args;
  va_start(args, format);
  g_autofree char *raw = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *text = log_escape(raw);
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
  g_autofree char *line = g_strdup_printf("%s.%03dZ %-5s %s: %s\n", time, g_date_time_get_microsecond(now) / 1000,
                                          level_names[level], program_name, text);
  /* One write a line keeps lines of several threads and processes apart; a full pipe must not end the program. */
  ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
  (void)ignored;
}
