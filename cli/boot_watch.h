/* Watches a VM boot: names each stage with its seconds, and explains a boot that failed. */
#pragma once

#include <glib.h>

/* Returns when the guest reports `done`. Stages are printed to standard error when `talk`, as they come; `seconds` gets the time
 * since the call. Errors: UNAVAILABLE (the guest reported an error or ended; the message says so, and the last lines of its
 * console were printed to standard error), TIMEOUT. */
gboolean boot_watch(const char *id, guint timeout_s, gboolean talk, double *seconds, GError **error);
