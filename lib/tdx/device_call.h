/* Calls of a device driver that last as long as the host likes, with an end (spec: attestation F.4). */
#pragma once

#include "tdx/qgs.h"

#include <glib.h>

typedef GBytes *(*DeviceQuote)(const guint8 report[TDX_REPORT_SIZE], GError **error);

/* Makes `call` in a thread of its own and waits until `deadline` (monotonic microseconds). A call that has not come
 * back then is left behind, and none is begun before it has: the caller must not make two at a time. Error TIMEOUT for
 * both, else those of `call`. */
GBytes *device_call(DeviceQuote call, const guint8 report[TDX_REPORT_SIZE], gint64 deadline, GError **error);
