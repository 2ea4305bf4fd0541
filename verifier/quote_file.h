/* Reading what a person has of a quote: raw bytes, hex text, or a JSON answer of the guest agent. */
#pragma once

#include <glib.h>

#define QUOTE_FILE_MAX_SIZE (8 * 1024 * 1024)

/* Raw bytes, hex digits with or without 0x, or a JSON object with a hex member "quote"; `force_hex` takes only hex.
 * Errors: those of file_read(), INVALID for text that is none of these. */
GBytes *quote_file_read(const char *path, gboolean force_hex, GError **error);
/* An event log: a JSON array, or a JSON object with the array as text in its member "event_log". */
char *event_log_file_read(const char *path, GError **error);
