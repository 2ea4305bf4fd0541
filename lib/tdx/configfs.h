/* Quotes from the kernel's configfs-tsm interface (spec: attestation F.2). */
#pragma once

#include "tdx/quote.h"

/* Whether this machine has the interface. `directory` is one report entry; it is made when it is missing. Error
 * UNAVAILABLE. */
gboolean configfs_open(const char *directory, GError **error);
/* From an entry that was opened. Errors: UNAVAILABLE, TIMEOUT (busy, also when another writer interfered), INVALID (an
 * answer of an impossible size). `deadline` (monotonic microseconds) ends waiting for a busy interface. */
GBytes *configfs_get_quote(const char *directory, const guint8 report_data[TDX_REPORT_DATA_SIZE], gint64 deadline,
                           GError **error);
