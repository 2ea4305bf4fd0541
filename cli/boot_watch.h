/* Watches a VM boot: names each stage with its seconds, and explains a boot that failed. */
#pragma once

#include "vmm.pb-c.h"

#include <glib.h>

/* When the VM last told something; 0: never. */
guint64 boot_watch_last_event(const Vmm__VmInfo *info);

/* Returns when the guest reports `done`, or the VMM that it ran before. Stages, and errors as warnings, are printed to standard error when `talk`, as they come; `seconds` gets the time
 * since the call. What was told at `since` or before is of an earlier boot. Errors: UNAVAILABLE (the guest ended, or failed to start the app; the message says so, and the last lines of its
 * console were printed to standard error), TIMEOUT. */
gboolean boot_watch(const char *id, guint64 since, guint timeout_s, gboolean talk, double *seconds, GError **error);
