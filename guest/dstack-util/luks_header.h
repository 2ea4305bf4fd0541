/* Both copies of a LUKS2 header in one area of bytes: binary parts, checksums, metadata (spec: guest-os 9.3). */
#pragma once

#include <glib.h>

#define LUKS_MAGIC_SIZE 6

/* Every offset at which cryptsetup looks for a header: the first copy's, then the possible ones of the second. */
const gsize *luks_header_offsets(gsize *n);
/* Whether these LUKS_MAGIC_SIZE bytes, read at that offset, are the magic of a header: "this disk may hold data". */
gboolean luks_magic_at(const guint8 *bytes, gsize offset);

/* Checks both copies: every field, the checksum, the metadata, and that they say the same. Error UNVERIFIED. `area`
 * begins at the start of the device. */
gboolean luks_header_check(const guint8 *area, gsize len, GError **error);
