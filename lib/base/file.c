#include "base/file.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static GBytes *read_open_file(int fd, const char *path, gsize max, GError **error) {
  struct stat st;
  if (fstat(fd, &st) != 0) {
    dstack_set_errno(error, errno, "%s", path);
    return NULL;
  }
  if (!S_ISREG(st.st_mode)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not a regular file", path);
    return NULL;
  }
  /* The size is only a hint: files of /sys and /proc report 0 or a page, and a hostile writer can grow one meanwhile. */
  g_autoptr(GByteArray) content = g_byte_array_sized_new(4096);
  guint8 chunk[65536];
  for (;;) {
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      dstack_set_errno(error, errno, "%s", path);
      return NULL;
    }
    if (n == 0)
      break;
    if ((gsize)n > max - content->len) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "%s: larger than %" G_GSIZE_FORMAT " bytes", path, max);
      return NULL;
    }
    g_byte_array_append(content, chunk, (guint)n);
  }
  g_byte_array_append(content, (const guint8 *)"", 1);
  gsize len = content->len - 1;
  return g_bytes_new_take(g_byte_array_free(g_steal_pointer(&content), FALSE), len);
}

static GBytes *read_with_flags(const char *path, gsize max, int flags, GError **error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
  if (fd < 0) {
    dstack_set_errno(error, errno, "%s", path);
    return NULL;
  }
  GBytes *content = read_open_file(fd, path, max, error);
  (void)close(fd); /* opened for reading: nothing to lose */
  return content;
}

GBytes *file_read(const char *path, gsize max, GError **error) { return read_with_flags(path, max, 0, error); }

GBytes *file_read_nofollow(const char *path, gsize max, GError **error) {
  return read_with_flags(path, max, O_NOFOLLOW, error);
}

char *file_read_text(const char *path, gsize max, GError **error) {
  g_autoptr(GBytes) content = file_read(path, max, error);
  if (!content)
    return NULL;
  gsize len;
  const char *text = g_bytes_get_data(content, &len);
  if (!g_utf8_validate(text, (gssize)len, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not valid utf-8 text", path);
    return NULL;
  }
  return g_strndup(text, len);
}

static gboolean write_all(int fd, const guint8 *data, gsize len) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    data += n;
    len -= (gsize)n;
  }
  return TRUE;
}

static gboolean sync_directory(const char *path, GError **error) {
  g_autofree char *dir = g_path_get_dirname(path);
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) {
    dstack_set_errno(error, errno, "failed to sync %s", dir);
    if (fd >= 0)
      (void)close(fd);
    return FALSE;
  }
  (void)close(fd);
  return TRUE;
}

gboolean file_write_atomic(const char *path, const void *data, gsize len, mode_t mode, GError **error) {
  g_autofree char *temp = g_strdup_printf("%s.XXXXXX", path);
  int fd = mkostemp(temp, O_CLOEXEC); /* made with mode 0600 */
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to write %s", path);
    return FALSE;
  }
  gboolean written = write_all(fd, data, len) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
  int saved = errno;
  if (close(fd) != 0 && written) {
    written = FALSE;
    saved = errno;
  }
  if (written && rename(temp, path) == 0)
    return sync_directory(path, error);
  if (written)
    saved = errno;
  (void)unlink(temp);
  dstack_set_errno(error, saved, "failed to write %s", path);
  return FALSE;
}

static gboolean sync_entry(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gboolean synced = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
  if (fd >= 0) {
    int saved = errno;
    (void)close(fd);
    errno = saved;
  }
  return synced;
}

gboolean file_rename_durable(const char *from, const char *to, GError **error) {
  if (sync_entry(from) && rename(from, to) == 0)
    return sync_directory(to, error);
  dstack_set_errno(error, errno, "failed to rename %s to %s", from, to);
  return FALSE;
}

gboolean file_check_private_dir(const char *path, gboolean nofollow, GError **error) {
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0));
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) {
    dstack_set_errno(error, errno, "failed to open directory %s", path);
    if (fd >= 0)
      close(fd);
    return FALSE;
  }
  close(fd);
  if ((st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED,
              "%s belongs to another user, or others may write to it: what it holds can't be believed", path);
  return FALSE;
}

gboolean file_make_dirs(const char *path, mode_t mode, GError **error) {
  g_autofree char *parent = g_path_get_dirname(path);
  if (g_mkdir_with_parents(parent, 0755) == 0 && (mkdir(path, mode) == 0 || errno == EEXIST) &&
      g_file_test(path, G_FILE_TEST_IS_DIR))
    return TRUE;
  dstack_set_errno(error, errno, "failed to make directory %s", path);
  return FALSE;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw; /* the callback's shape is nftw's */
  return remove(path);
}

gboolean file_remove_tree(const char *path, GError **error) {
  if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
    return TRUE;
  dstack_set_errno(error, errno, "failed to remove %s", path);
  return FALSE;
}
