/* Puts dm-verity over the root disk (spec: guest-os 3.1). All parameters but hash and size are fixed by the image format; the
 * superblock in front of the hash tree is unauthenticated and is never read. */
#pragma once

#include "root_parameters.h"

/* Creates the read-only mapping, whose node is ROOT_MAPPING. A block that does not match panics the kernel.
 * Returns NULL, or what failed (errno says why). */
const char *verity_open(const char *device, const RootParameters *parameters);

#define ROOT_MAPPING "/dev/dm-0"
