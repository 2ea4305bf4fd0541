#include "vmm/log_rotate.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES (64 * 1024)

static void close_fd(int *fd) {
  if (*fd >= 0)
    (void)close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd))) int

static gboolean failed(GError **error, const char *path) {
  dstack_set_errno(error, errno, "failed to rotate %s", path);
  return FALSE;
}

static gboolean write_whole(int fd, const char *data, gsize len) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno != EINTR)
      return FALSE;
    if (n > 0) {
      data += n;
      len -= (gsize)n;
    }
  }
  return TRUE;
}

/* Copies what is there now; what the writer adds meanwhile may be lost when the file is emptied. */
static gboolean copy_end(int from, int to, off_t size, const LogLimits *limits) {
  gboolean cut = limits->max_bytes > 0 && (guint64)size > limits->max_bytes;
  off_t offset = cut ? size - (off_t)limits->max_bytes : 0;
  g_autofree char *block = g_malloc(BLOCK_BYTES);
  while (offset < size) {
    ssize_t n = pread(from, block, (gsize)MIN(BLOCK_BYTES, size - offset), offset);
    if (n == 0)
      break;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 || !write_whole(to, block, (gsize)n))
      return FALSE;
    offset += n;
  }
  return TRUE;
}

static void shift_backups(const char *path, guint count) {
  for (guint i = count; i > 1; i--) {
    g_autofree char *older = g_strdup_printf("%s.%u", path, i), *newer = g_strdup_printf("%s.%u", path, i - 1);
    (void)rename(newer, older); /* one that is missing leaves nothing to move */
  }
}

static gboolean back_up(int live, const char *path, off_t size, const LogLimits *limits, GError **error) {
  if (limits->max_backups == 0)
    return TRUE;
  g_autofree char *part = g_strconcat(path, ".part", NULL), *first = g_strconcat(path, ".1", NULL);
  auto_fd copy = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (copy < 0 || !copy_end(live, copy, size, limits))
    return failed(error, path);
  shift_backups(path, limits->max_backups);
  return rename(part, first) == 0 || failed(error, path);
}

static gboolean add_note(int fd, const char *text) {
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *line = g_strdup_printf("\n===== %s @ %s =====\n\n", text, time);
  return write_whole(fd, line, strlen(line));
}

gboolean log_rotate(const char *path, const LogLimits *limits, GError **error) {
  struct stat status;
  auto_fd live = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (live < 0 && errno == ENOENT)
    return TRUE;
  if (live < 0 || fstat(live, &status) != 0)
    return failed(error, path);
  if (status.st_size == 0 || !S_ISREG(status.st_mode))
    return TRUE;
  if (!back_up(live, path, status.st_size, limits, error))
    return FALSE;
  g_autofree char *name = g_path_get_basename(path);
  g_autofree char *note = limits->max_backups
                              ? g_strdup_printf("rotated %" G_GINT64_FORMAT " bytes to %s.1", (gint64)status.st_size, name)
                              : g_strdup_printf("discarded %" G_GINT64_FORMAT " bytes", (gint64)status.st_size);
  return (ftruncate(live, 0) == 0 && add_note(live, note)) || failed(error, path);
}

gboolean log_is_too_large(const char *path, const LogLimits *limits) {
  struct stat status;
  return limits->max_bytes > 0 && lstat(path, &status) == 0 && (guint64)status.st_size > limits->max_bytes;
}

gboolean log_note_boot(const char *path, GError **error) {
  auto_fd live = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  return (live < 0 && errno == ENOENT) || (live >= 0 && add_note(live, "boot")) || failed(error, path);
}
