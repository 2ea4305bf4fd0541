/* Unpacking an image's archive: gzip'ed tar whose members are flat regular files, and nothing else (spec:
 * measurement 9.1, 9.3). The archive comes from a server that proves nothing, so every size is bounded before it is
 * believed. */
#pragma once

#include <glib.h>

typedef struct {
  guint64 max_bytes; /* of all files together */
  guint max_members;
  gint64 deadline; /* monotonic microseconds; 0: none */
} ArchiveLimits;

/* Reads the archive from `archive_fd` (from its beginning) and creates its files in `dir_fd`, synced. Directories among
 * the members are passed over; a leading "./" is allowed. Refused: any other kind of member, names with a path, names
 * twice, names or sizes in extended headers. Errors: INVALID, TOO_LARGE, TIMEOUT, IO (a full disk). */
gboolean archive_unpack(int archive_fd, int dir_fd, const ArchiveLimits *limits, GError **error);
