/* Files hashed range by range through one small buffer: image files are tens of MiB and are never held whole. */
#pragma once

#include <glib.h>
#include <openssl/evp.h>

typedef struct {
  int fd;
  guint64 size;
  char *path; /* for errors */
} RangeFile;

/* Error as file_read(): a regular file of at most `max` bytes. */
gboolean range_file_open(RangeFile *file, const char *path, guint64 max, GError **error);
void range_file_close(RangeFile *file);
/* A zeroed RangeFile is closed, too. */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RangeFile, range_file_close)

/* Error IO, also when the file ends before `to`. */
gboolean range_file_hash(const RangeFile *file, EVP_MD_CTX *digest, guint64 from, guint64 to, GError **error);
gboolean range_file_read(const RangeFile *file, guint64 from, void *out, gsize len, GError **error);
/* SHA-384 of the whole file. */
gboolean range_file_sha384(const RangeFile *file, guint8 out[48], GError **error);
