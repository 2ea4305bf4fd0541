/* A stream of gzip members, decompressed piece by piece. */
#pragma once

#include <glib.h>

typedef struct GzipReader GzipReader;
/* `fd` stays the caller's. */
GzipReader *gzip_reader_new(int fd);
void gzip_reader_free(GzipReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GzipReader, gzip_reader_free)

/* Exactly `len` bytes. Errors: INVALID (damaged, or it ends before), IO. */
gboolean gzip_reader_take(GzipReader *reader, void *out, gsize len, GError **error);
