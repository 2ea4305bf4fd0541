/* The kernel as QEMU hands it to the firmware, and how the firmware measures it (spec: measurement 6). */
#pragma once

#include <glib.h>

/* A copy of a bzImage with the setup header filled in as QEMU before 10.2 does for direct boot. Error INVALID: no bzImage of
 * boot protocol 2.12 or later, or an initrd that does not fit. */
GByteArray *kernel_image_patch(GBytes *kernel, guint64 initrd_size, guint64 memory_size, GError **error);
/* Authenticode SHA-384 of a PE image. Error INVALID when it is none. */
gboolean kernel_image_authenticode(const guint8 *data, gsize len, guint8 out[48], GError **error);
