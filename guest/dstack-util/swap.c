#include "swap.h"

#include "base/error.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/swap.h>
#include <unistd.h>

static gboolean allocate(const char *path, guint64 size, GError **error) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int failed = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);
  if (fd >= 0)
    (void)close(fd); /* nothing was written */
  if (failed)
    dstack_set_errno(error, failed, "failed to allocate the swap file");
  return !failed;
}

gboolean swap_enable(const char *mount_point, guint64 size, GError **error) {
  g_autofree char *path = g_build_filename(mount_point, "swapfile", NULL);
  if (unlink(path) != 0 && errno != ENOENT) {
    dstack_set_errno(error, errno, "failed to remove the old swap file");
    return FALSE;
  }
  if (size == 0)
    return TRUE;
  const char *const argv[] = {"mkswap", path, NULL};
  if (!allocate(path, size, error) || !process_check(argv, NULL, error))
    return FALSE;
  if (swapon(path, 0) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to enable swap");
  return FALSE;
}
