/* The encrypted data disk: LUKS2 through libcryptsetup, always by a header in memory that was checked (spec: guest-os
 * 9).
 *
 * A new disk gets its header last, magic at the very end, after everything else is on it: killed at any instant before,
 * it is an empty disk and formatted again at the next boot. */
#pragma once

#include "base/secret.h"

#include <glib.h>

/* A checked copy of a header, in memory only. */
typedef struct LuksHeader LuksHeader;
void luks_header_free(LuksHeader *header);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LuksHeader, luks_header_free)

/* Whether the device carries any LUKS header. */
gboolean luks_probe(const char *device, gboolean *present, GError **error);
/* Reads the device's header once and checks that copy. Error UNVERIFIED. */
LuksHeader *luks_header_read(const char *device, GError **error);
/* Makes a new header for the device with a fresh volume key under `disk_key` (32 bytes). The device stays untouched. */
LuksHeader *luks_header_create(const char *device, const Secret *disk_key, GError **error);
/* Opens the device by the header as /dev/mapper/<name>; with `name` NULL only tries the key. */
gboolean luks_open(LuksHeader *header, const char *device, const Secret *disk_key, const char *name, GError **error);
/* Writes the header to the device, synced, its magic last. */
gboolean luks_header_write(LuksHeader *header, const char *device, GError **error);
