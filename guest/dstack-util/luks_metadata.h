/* The JSON area of a LUKS2 header: exactly the shape we write ourselves, nothing else (spec: guest-os 9.3).
 *
 * The disk belongs to the host. A header that named the null cipher, another keyslot or a token would open just as well
 * and leave the data readable, so every member is compared, and unknown members and duplicates are refused. */
#pragma once

#include <glib.h>

#define LUKS_PAYLOAD_OFFSET (16 * 1024 * 1024)
#define LUKS_SECTOR_SIZE 512
#define LUKS_CIPHER "aes-xts-plain64"
#define LUKS_KEY_SIZE 64
#define LUKS_AF_STRIPES 4000
#define LUKS_MAX_ITERATIONS 10000000

/* `hdr_size`: bytes of one header, binary and JSON. Error UNVERIFIED with what was wrong. */
gboolean luks_metadata_check(const char *json, gsize len, guint64 hdr_size, GError **error);
