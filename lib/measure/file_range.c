#include "file_range.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (128 * 1024) /* fits the second-level cache beside the digest */

gboolean range_file_open(RangeFile *file, const char *path, guint64 max, GError **error) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &status) != 0) {
    dstack_set_errno(error, errno, "failed to open %s", path);
    if (fd >= 0)
      close(fd);
    return FALSE;
  }
  *file = (RangeFile){.fd = fd, .size = (guint64)status.st_size, .path = g_strdup(path)};
  if (S_ISREG(status.st_mode) && file->size <= max)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, S_ISREG(status.st_mode) ? DSTACK_ERROR_TOO_LARGE : DSTACK_ERROR_INVALID,
              "%s: not a regular file of at most %" G_GUINT64_FORMAT " bytes", path, max);
  range_file_close(file);
  return FALSE;
}

void range_file_close(RangeFile *file) {
  if (!file->path)
    return;
  close(file->fd);
  g_clear_pointer(&file->path, g_free);
}

gboolean range_file_read(const RangeFile *file, guint64 from, void *out, gsize len, GError **error) {
  for (gsize done = 0; done < len;) {
    ssize_t n = pread(file->fd, (guint8 *)out + done, len - done, (off_t)(from + done));
    if (n > 0) {
      done += (gsize)n;
    } else if (n == 0) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "%s: ends before its end", file->path);
      return FALSE;
    } else if (errno != EINTR) {
      dstack_set_errno(error, errno, "failed to read %s", file->path);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean range_file_hash(const RangeFile *file, EVP_MD_CTX *digest, guint64 from, guint64 to, GError **error) {
  g_autofree guint8 *chunk = g_malloc(CHUNK);
  while (from < to) {
    gsize len = (gsize)MIN(to - from, CHUNK);
    if (!range_file_read(file, from, chunk, len, error))
      return FALSE;
    EVP_DigestUpdate(digest, chunk, len);
    from += len;
  }
  return TRUE;
}

gboolean range_file_sha384(const RangeFile *file, guint8 out[48], GError **error) {
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  EVP_DigestInit_ex(digest, EVP_sha384(), NULL);
  gboolean done = range_file_hash(file, digest, 0, file->size, error);
  EVP_DigestFinal_ex(digest, out, NULL);
  EVP_MD_CTX_free(digest);
  return done;
}
