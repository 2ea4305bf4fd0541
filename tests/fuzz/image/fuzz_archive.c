/* An image's archive: the first byte chooses whether the input is the archive itself or the tar inside of it. */
#include "image/archive.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_SIZE (256 * 1024)

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* Stored, not compressed: quick, and what is found in the tar parser stays readable. */
static GByteArray *wrap(const guint8 *data, gsize len) {
  z_stream stream = {0};
  GByteArray *out = g_byte_array_new();
  if (deflateInit2(&stream, 0, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    abort();
  g_byte_array_set_size(out, (guint)deflateBound(&stream, len));
  stream.next_in = (guint8 *)data, stream.avail_in = (guint)len;
  stream.next_out = out->data, stream.avail_out = out->len;
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
    abort();
  g_byte_array_set_size(out, (guint)stream.total_out);
  deflateEnd(&stream);
  return out;
}

static void empty_dir(int fd, const char *path) {
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(dir)))
    (void)unlinkat(fd, name, 0);
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  static const ArchiveLimits limits = {.max_bytes = 64 * 1024, .max_members = 8};
  static char *path;
  if (!path)
    path = g_dir_make_tmp("fuzz-archive-XXXXXX", NULL);
  if (size < 1 || size > MAX_SIZE)
    return 0;
  g_autoptr(GByteArray) wrapped = data[0] & 1 ? wrap(data + 1, size - 1) : NULL;
  int fd = memfd_create("archive", MFD_CLOEXEC), dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ssize_t n = wrapped ? write(fd, wrapped->data, wrapped->len) : write(fd, data + 1, size - 1);
  if (n >= 0)
    (void)archive_unpack(fd, dir, &limits, NULL);
  empty_dir(dir, path);
  close(fd);
  close(dir);
  return 0;
}
