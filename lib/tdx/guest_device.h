/* The ioctls of /dev/tdx_guest, for kernels without measurement registers in sysfs (spec: attestation F.1). */
#pragma once

#include "tdx/qgs.h"
#include "tdx/quote.h"

/* A TDREPORT over `report_data`. Error UNAVAILABLE. */
gboolean guest_device_report(const guint8 report_data[TDX_REPORT_DATA_SIZE], guint8 report[TDX_REPORT_SIZE],
                             GError **error);
/* Blocks for as long as the host takes: see device_call(). A quote of that report by way of the host's TDVMCALL. Errors
 * UNAVAILABLE (no such call, or the service can't be reached), TIMEOUT (busy), INVALID (an answer that is none). */
GBytes *guest_device_quote(const guint8 report[TDX_REPORT_SIZE], GError **error);

#define GUEST_QUOTE_BUFFER 16384
/* The shared buffer of that call: how it is filled, and what is in it afterwards. */
void guest_quote_buffer_fill(const guint8 report[TDX_REPORT_SIZE], guint8 buffer[GUEST_QUOTE_BUFFER]);
GBytes *guest_quote_buffer_read(const guint8 buffer[GUEST_QUOTE_BUFFER], GError **error);

/* Errors: UNAVAILABLE (no device, or one without this call), INVALID (a register the guest may not extend). */
gboolean guest_device_extend(guint index, const guint8 digest[TDX_MR_SIZE], GError **error);
/* From a fresh TDREPORT. */
gboolean guest_device_read(guint index, guint8 out[TDX_MR_SIZE], GError **error);
