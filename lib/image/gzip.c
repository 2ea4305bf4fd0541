#include "gzip.h"

#include "base/error.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK (64 * 1024)
#define GZIP_ONLY (16 + MAX_WBITS)

struct GzipReader {
  int fd;
  z_stream stream;
  guint8 chunk[CHUNK];
};

GzipReader *gzip_reader_new(int fd) {
  GzipReader *reader = g_new0(GzipReader, 1);
  reader->fd = fd;
  if (inflateInit2(&reader->stream, GZIP_ONLY) != Z_OK)
    g_error("zlib can not be used");
  return reader;
}

void gzip_reader_free(GzipReader *reader) {
  if (!reader)
    return;
  (void)inflateEnd(&reader->stream); /* only says whether data was left */
  g_free(reader);
}

static gboolean damaged(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "archive: %s", why);
  return FALSE;
}

static gboolean refill(GzipReader *reader, GError **error) {
  ssize_t n;
  do
    n = read(reader->fd, reader->chunk, sizeof reader->chunk);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    dstack_set_errno(error, errno, "failed to read the archive");
    return FALSE;
  }
  reader->stream.next_in = reader->chunk;
  reader->stream.avail_in = (uInt)n;
  return n > 0 || damaged(error, "it ends before its end");
}

gboolean gzip_reader_take(GzipReader *reader, void *out, gsize len, GError **error) {
  g_assert(len <= G_MAXUINT);
  reader->stream.next_out = out;
  reader->stream.avail_out = (uInt)len;
  while (reader->stream.avail_out > 0) {
    if (reader->stream.avail_in == 0 && !refill(reader, error))
      return FALSE;
    int status = inflate(&reader->stream, Z_NO_FLUSH);
    if (status == Z_STREAM_END) /* another member may follow */
      status = inflateReset(&reader->stream);
    if (status != Z_OK && status != Z_BUF_ERROR)
      return damaged(error, "not gzip, or damaged");
  }
  return TRUE;
}
