#define FUSE_USE_VERSION 31

#include "guest/tee-simulator/mount.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_SYSTEM_NAME "dstack-tee-simulator"

static TeeDevice *device_of_request(void) { return fuse_get_context()->private_data; }

static void fill_stat(const TeeNode *node, struct stat *st) {
  gboolean is_directory = node->kind == TEE_NODE_DIRECTORY;
  memset(st, 0, sizeof *st);
  st->st_mode = (is_directory ? S_IFDIR : S_IFREG) | node->mode;
  st->st_nlink = is_directory ? 2 : 1;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *info) {
  (void)info; /* a node is known by its path */
  const TeeNode *node = tee_node_find(path);
  if (!node)
    return -ENOENT;
  fill_stat(node, st);
  return 0;
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                      enum fuse_readdir_flags flags) {
  (void)offset, (void)info, (void)flags; /* the whole directory fits into one answer */
  const TeeNode *directory = tee_node_find(path);
  if (!directory || directory->kind != TEE_NODE_DIRECTORY)
    return -ENOTDIR;
  fill(buffer, ".", NULL, 0, 0);
  fill(buffer, "..", NULL, 0, 0);
  for (gsize i = 0; i < tee_n_nodes; i++)
    if (tee_node_is_in(&tee_nodes[i], directory))
      fill(buffer, tee_node_name(&tee_nodes[i]), NULL, 0, 0);
  return 0;
}

/* Root passes over permissions, so the kernel's interfaces check the direction themselves. */
static int on_open(const char *path, struct fuse_file_info *info) {
  const TeeNode *node = tee_node_find(path);
  if (!node)
    return -ENOENT;
  int access_mode = info->flags & O_ACCMODE;
  if ((access_mode != O_WRONLY && !(node->mode & 0444)) || (access_mode != O_RDONLY && !(node->mode & 0200)))
    return -EACCES;
  info->direct_io = 1; /* content changes under the reader, and its size is not known before it is read */
  return 0;
}

static int on_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)info; /* a node is known by its path */
  const TeeNode *node = tee_node_find(path);
  int errnum = ENOENT;
  g_autoptr(GBytes) content = node ? tee_device_read(device_of_request(), node, &errnum) : NULL;
  if (!content)
    return -errnum;
  gsize len;
  const char *data = g_bytes_get_data(content, &len);
  if ((guint64)offset >= len)
    return 0;
  gsize n = MIN(size, len - (gsize)offset);
  memcpy(buffer, data + offset, n);
  return (int)n;
}

static int on_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *info) {
  (void)info; /* a node is known by its path */
  const TeeNode *node = tee_node_find(path);
  if (!node)
    return -ENOENT;
  int errnum = offset == 0 ? tee_device_write(device_of_request(), node, data, size) : EINVAL;
  return errnum ? -errnum : (int)size;
}

/* What a shell's redirection asks for before it writes; there is nothing to cut off. */
static int on_truncate(const char *path, off_t size, struct fuse_file_info *info) {
  (void)info; /* a node is known by its path */
  const TeeNode *node = tee_node_find(path);
  if (!node)
    return -ENOENT;
  return (node->mode & 0200) && size == 0 ? 0 : -EACCES;
}

static const struct fuse_operations operations = {
    .getattr = on_getattr,
    .readdir = on_readdir,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .truncate = on_truncate,
};

static gboolean is_mount_point(const char *directory) {
  struct stat own, parent;
  g_autofree char *above = g_build_filename(directory, "..", NULL);
  /* A mount whose server has died can't even be looked at. */
  if (stat(directory, &own) != 0)
    return errno == ENOTCONN;
  return stat(above, &parent) == 0 && own.st_dev != parent.st_dev;
}

static gboolean prepare_directory(const char *directory, GError **error) {
  if (is_mount_point(directory)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "%s: something is mounted there already", directory);
    return FALSE;
  }
  return file_make_dirs(directory, 0755, error);
}

/* Serves one request at a time, so the device needs no lock. */
static gboolean serve(struct fuse *fuse, TeeMounted mounted, gpointer data, GError **error) {
  struct fuse_session *session = fuse_get_session(fuse);
  if (fuse_set_signal_handlers(session) != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to set signal handlers");
    return FALSE;
  }
  gboolean served = mounted(data, error);
  int result = served ? fuse_loop(fuse) : 0;
  fuse_remove_signal_handlers(session);
  if (result < 0) {
    dstack_set_errno(error, -result, "failed to serve the simulated tee");
    return FALSE;
  }
  return served;
}

gboolean tee_mount_serve(TeeDevice *device, const char *directory, TeeMounted mounted, gpointer data, GError **error) {
  if (!prepare_directory(directory, error))
    return FALSE;
  char *argv[] = {FILE_SYSTEM_NAME, "-o", "fsname=" FILE_SYSTEM_NAME ",nosuid,nodev,noexec", NULL};
  struct fuse_args args = FUSE_ARGS_INIT(3, argv);
  struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, device);
  gboolean served = FALSE;
  if (fuse && fuse_mount(fuse, directory) == 0) {
    served = serve(fuse, mounted, data, error);
    fuse_unmount(fuse);
  } else {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed to mount the simulated tee on %s", directory);
  }
  if (fuse)
    fuse_destroy(fuse);
  fuse_opt_free_args(&args);
  return served;
}
