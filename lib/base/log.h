/* Logging to standard error, one line a message: `<RFC 3339 time> <level> <program>: <text>`.
 *
 * The level comes from the environment variable RUST_LOG (the name the reference's operators know), of which only a bare
 * level is understood: off, error, warn, info, debug, trace. Anything else means the default given to log_init().
 * Messages begin in lower case. Control characters are escaped, so that no peer can forge a line. Never pass secrets. */
#pragma once

#include <glib.h>

typedef enum { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } LogLevel;

/* Call once, first thing in main(). `program` is kept by reference. */
void log_init(const char *program, LogLevel default_level);
LogLevel log_level(void);

/* Control characters as \\x1b and the like: newlines and escapes would let a peer's text look like lines of ours. For
 * whatever else is printed for people to read. */
char *log_escape(const char *text);

void log_write(LogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
