/* The measurement registers of this TD: in sysfs where the kernel has them there, else through the device (spec:
 * attestation F.5). */
#pragma once

#include "tdx/quote.h"

#include <glib.h>

#define REGISTERS_DIRECTORY "/sys/devices/virtual/misc/tdx_guest/measurements"
#define REGISTERS_FIRST_OF_GUEST 2 /* RTMR0 and RTMR1 are the firmware's */

/* `only_sysfs`: the directory was named by the environment, and nothing else is tried. Errors: INVALID for a register
 * the guest may not use, UNAVAILABLE. */
gboolean registers_extend(const char *directory, gboolean only_sysfs, guint index, const guint8 digest[TDX_MR_SIZE],
                          GError **error);
gboolean registers_read(const char *directory, gboolean only_sysfs, guint index, guint8 out[TDX_MR_SIZE],
                        GError **error);
