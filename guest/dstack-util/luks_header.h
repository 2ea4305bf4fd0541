/* Both copies of a LUKS2 header in one area of bytes: binary parts, checksums, metadata (spec: guest-os 9.3). */
#pragma once

#include <glib.h>

/* Looks for the magic of either copy, at every place cryptsetup looks: TRUE means "this disk may hold data". */
gboolean luks_header_present(const guint8 *area, gsize len);

/* Checks both copies: every field, the checksum, the metadata, and that they say the same. Error UNVERIFIED. `area` begins
 * at the start of the device. */
gboolean luks_header_check(const guint8 *area, gsize len, GError **error);
