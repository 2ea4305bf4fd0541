/* The ioctls of /dev/tdx_guest, for kernels without measurement registers in sysfs (spec: attestation F.1). */
#pragma once

#include "tdx/quote.h"

/* Errors: UNAVAILABLE (no device, or one without this call), INVALID (a register the guest may not extend). */
gboolean guest_device_extend(guint index, const guint8 digest[TDX_MR_SIZE], GError **error);
/* From a fresh TDREPORT. */
gboolean guest_device_read(guint index, guint8 out[TDX_MR_SIZE], GError **error);
