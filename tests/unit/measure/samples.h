/* The specification's synthetic firmware, kernel and image, and small helpers (spec: measurement 12.3). */
#pragma once

#include "measure/td_hob.h"

#include <glib.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)

void assert_hex(const void *data, gsize len, const char *expected);
void assert_sha384(const GByteArray *data, const char *expected);

GBytes *sample_firmware(void);
GBytes *sample_kernel(void);
/* The memory that the standard 4 MiB firmware accepts. */
TdHobLayout standard_layout(void);

/* Writes an image directory of these parts, with sha256sum.txt; returns its path. `metadata_more` is JSON text that
 * follows the standard members, such as ",\"is_dev\":true". */
char *sample_image(GBytes *firmware, GBytes *kernel, GBytes *initrd, const char *cmdline, const char *metadata_more);
void sample_image_write(const char *dir, const char *name, const void *data, gsize len);
