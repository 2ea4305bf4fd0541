/* Makes a guest's output safe to show: no escape sequences, no control characters but the line feed (spec: vmm 11,
 * ansi=false). */
#pragma once

#include <glib.h>

typedef struct {
  int state; /* where in an escape sequence the last piece ended */
} LogFilter;

/* Appends the filtered text of a piece of valid UTF-8 to `out`. Zero-fill the filter before the first piece. */
void log_filter(LogFilter *filter, const char *text, GString *out);
