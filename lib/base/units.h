/* Sizes and durations as they stand in configuration files and on command lines. */
#pragma once

#include <glib.h>

/* "1024", "0x400", "4M", "4 MiB": decimal digits with one suffix K, M, G or T of either case (1024-based), which may be written out
 * as KiB and so on, or hex without suffix; blanks around are trimmed. Error INVALID: empty, unknown suffix, overflow. Result in bytes. */
gboolean units_parse_size(const char *text, guint64 *bytes, GError **error);

#define UNITS_DURATION_NEVER G_MAXUINT64
/* "10s", "5m", "2h", "1d" or "never" (UNITS_DURATION_NEVER). Whole numbers only. Result in milliseconds. */
gboolean units_parse_duration(const char *text, guint64 *ms, GError **error);
