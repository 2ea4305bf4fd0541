/* What a piece of work takes from the heap: this program's malloc() and its like are counted. */
#pragma once

#include <glib.h>

/* FALSE under a sanitizer, whose own heap can't be counted. */
gboolean heap_meter_works(void);
/* From here on until heap_meter_peak(), which returns the most bytes that were in use at once beyond those in use now. Of
 * all threads. */
void heap_meter_start(void);
gsize heap_meter_peak(void);
