#include "staging.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "tmp-download-"
#define ARCHIVE "image.tar.gz"
#define DIR_MODE 0755
/* A directory without an archive may be one that is just being made. */
#define GRACE_SECONDS 600

/* Held as long as the descriptor is open: the kernel releases it when its process ends, however that happens. */
static gboolean lock(int fd) {
  const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

static gboolean open_archive(Staging *staging, GError **error) {
  g_autofree char *path = g_build_filename(staging->dir, ARCHIVE, NULL);
  staging->archive_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (staging->archive_fd >= 0 && lock(staging->archive_fd))
    return TRUE;
  dstack_set_errno(error, errno, "failed to create %s", path);
  return FALSE;
}

gboolean staging_begin(Staging *staging, const char *parent_dir, GError **error) {
  *staging = (Staging){.archive_fd = -1};
  if (!file_make_dirs(parent_dir, DIR_MODE, error))
    return FALSE;
  g_autofree char *template = g_build_filename(parent_dir, PREFIX "XXXXXX", NULL);
  if (!g_mkdtemp_full(template, DIR_MODE)) {
    dstack_set_errno(error, errno, "failed to create a directory in %s", parent_dir);
    return FALSE;
  }
  staging->dir = g_steal_pointer(&template);
  if (open_archive(staging, error))
    return TRUE;
  staging_end(staging);
  return FALSE;
}

void staging_end(Staging *staging) {
  if (!staging->dir)
    return;
  g_autoptr(GError) error = NULL;
  if (!file_remove_tree(staging->dir, &error))
    log_warn("a download's files stay behind: %s", error->message);
  if (staging->archive_fd >= 0)
    close(staging->archive_fd); /* last: until here nobody sweeps it */
  g_clear_pointer(&staging->dir, g_free);
}

static gboolean sync_dir(const char *path, GError **error) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean synced = fd >= 0 && fsync(fd) == 0;
  if (!synced)
    dstack_set_errno(error, errno, "failed to sync %s", path);
  if (fd >= 0)
    close(fd);
  return synced;
}

/* Old and new change places, so that at no instant nothing is there; the old one then goes with the staging. */
static gboolean exchange(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ||
         (errno == EEXIST && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0);
}

/* For file systems without such renames. */
static gboolean displace(const Staging *staging, const char *from, const char *to) {
  g_autofree char *old = g_build_filename(staging->dir, "old", NULL);
  return (rename(to, old) == 0 || errno == ENOENT) && rename(from, to) == 0;
}

gboolean staging_publish(const Staging *staging, const char *name, const char *target, GError **error) {
  g_autofree char *from = g_build_filename(staging->dir, name, NULL);
  g_autofree char *parent = g_path_get_dirname(target);
  if (!exchange(from, target) && (errno != EINVAL || !displace(staging, from, target))) {
    dstack_set_errno(error, errno, "failed to put an image at %s", target);
    return FALSE;
  }
  return sync_dir(parent, error);
}

static gboolean is_abandoned(const char *dir) {
  g_autofree char *path = g_build_filename(dir, ARCHIVE, NULL);
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) {
    gboolean free_again = lock(fd);
    close(fd);
    return free_again;
  }
  struct stat status;
  return errno == ENOENT && stat(dir, &status) == 0 &&
         g_get_real_time() / G_USEC_PER_SEC - status.st_mtime > GRACE_SECONDS;
}

void staging_sweep(const char *parent_dir) {
  g_autoptr(GDir) dir = g_dir_open(parent_dir, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(parent_dir, name, NULL);
    if (g_str_has_prefix(name, PREFIX) && is_abandoned(path) && file_remove_tree(path, NULL))
      log_info("removed an abandoned download: %s", name);
  }
}
