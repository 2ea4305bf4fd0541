/* Swap, only ever as a file on the encrypted disk (spec: guest-os 9.5). */
#pragma once

#include <glib.h>

/* Removes the old swap file; makes and enables a new one unless `size` (bytes) is 0. */
gboolean swap_enable(const char *mount_point, guint64 size, GError **error);
