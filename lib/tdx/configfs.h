/* Quotes from the kernel's configfs-tsm interface (spec: attestation F.2). */
#pragma once

#include "tdx/quote.h"

/* `directory` is one report entry; it is made when it is missing. Errors: UNAVAILABLE (no such interface, busy, another
 * writer interfered), TIMEOUT, INVALID (an answer of an impossible size). */
GBytes *configfs_get_quote(const char *directory, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error);
