/* The sample's image: the least that firmware, kernel and tools take for one. */
#pragma once

#include <glib.h>

/* Writes the image's files into `dir`. `hash` gets its identity. */
gboolean sample_image_write(const char *dir, const char *version, guint8 hash[32], GError **error);
