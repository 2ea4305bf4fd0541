#include "tdx/lock.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define POLL_INTERVAL_US 5000

void tdx_lock_release(TdxLock lock) {
  if (lock >= 0)
    (void)close(lock); /* nothing was written through it */
}

static gboolean wait_for(int fd, const char *path, GError **error) {
  gint64 deadline = g_get_monotonic_time() + TDX_LOCK_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      dstack_set_errno(error, errno, "failed to lock %s", path);
      return FALSE;
    }
    if (g_get_monotonic_time() >= deadline) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "failed to lock %s: still held by another process", path);
      return FALSE;
    }
    g_usleep(POLL_INTERVAL_US);
  }
  return TRUE;
}

static TdxLock open_and_lock(const char *path, int flags, GError **error) {
  int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", path);
    return -1;
  }
  if (wait_for(fd, path, error))
    return fd;
  (void)close(fd);
  return -1;
}

TdxLock tdx_lock_acquire(const char *path, GError **error) {
  g_autofree char *directory = g_path_get_dirname(path);
  if (!file_make_dirs(directory, 0755, error))
    return -1;
  return open_and_lock(path, O_RDWR | O_CREAT, error);
}

TdxLock tdx_lock_acquire_existing(const char *path, GError **error) { return open_and_lock(path, O_WRONLY, error); }
