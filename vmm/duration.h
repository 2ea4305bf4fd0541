/* Spans of time as people read them (spec: vmm 4.2, VmInfo). */
#pragma once

#include <glib.h>

/* "45s", "1h 15m 3s", "2days 4h"; zero is "0s". A month has 2630016 s, a year 31557600 s. */
char *duration_text(guint64 seconds);
