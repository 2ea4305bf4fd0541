#include "cvm/host_share.h"

#include "base/error.h"
#include "base/file.h"
#include "cvm/compose.h"
#include "cvm/fat_label.h"
#include "cvm/instance_info.h"
#include "cvm/sys_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NINE_P_TAG "host-shared"
#define NINE_P_OPTIONS "trans=virtio,version=9p2000.L"
#define POLL_MS 100
#define MAX_ENTRIES 256 /* block devices, and partitions of each */

typedef struct {
  const char *name;
  gsize max;
  gboolean required;
} SharedFile;

static const SharedFile shared_files[] = {
    {"app-compose.json", COMPOSE_MAX_SIZE, TRUE},      {".sys-config.json", SYS_CONFIG_MAX_SIZE, TRUE},
    {".instance_info", INSTANCE_INFO_MAX_SIZE, FALSE}, {".encrypted-env", ENCRYPTED_ENV_MAX_SIZE, FALSE},
    {".user-config", USER_CONFIG_MAX_SIZE, FALSE},
};

static char *labelled(const char *dev, const char *name) {
  g_autofree char *path = g_build_filename(dev, name, NULL);
  char label[FAT_LABEL_SIZE + 1];
  return fat_label_read(path, label) && g_str_equal(label, HOST_SHARE_LABEL) ? g_steal_pointer(&path) : NULL;
}

/* A disk without partition table carries the label itself; QEMU's vvfat puts it on partition 1. */
static char *labelled_disk(const char *sys_block, const char *dev, const char *disk) {
  char *found = labelled(dev, disk);
  if (found)
    return found;
  g_autofree char *directory = g_build_filename(sys_block, disk, NULL);
  g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
  const char *name;
  for (guint i = 0; entries && !found && i < MAX_ENTRIES && (name = g_dir_read_name(entries)) != NULL; i++)
    if (g_str_has_prefix(name, disk))
      found = labelled(dev, name);
  return found;
}

char *host_share_find_device(const char *sys_block, const char *dev) {
  const char *blocks = sys_block ? sys_block : "/sys/block";
  g_autoptr(GDir) disks = g_dir_open(blocks, 0, NULL);
  char *found = NULL;
  const char *name;
  for (guint i = 0; disks && !found && i < MAX_ENTRIES && (name = g_dir_read_name(disks)) != NULL; i++)
    if (!g_str_has_prefix(name, "loop") && !g_str_has_prefix(name, "ram") && !g_str_has_prefix(name, "dm-"))
      found = labelled_disk(blocks, dev ? dev : "/dev", name);
  return found;
}

/* TRUE when mounted; FALSE without error when neither form of the share is there. */
static gboolean try_mount(const char *mount_point, GError **error) {
  const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  g_autofree char *device = host_share_find_device(NULL, NULL);
  if (device) {
    /* The type is fixed: the host must not choose the file-system driver. */
    if (mount(device, mount_point, "vfat", flags, NULL) == 0)
      return TRUE;
    dstack_set_errno(error, errno, "failed to mount %s", device);
    return FALSE;
  }
  return mount(NINE_P_TAG, mount_point, "9p", flags, NINE_P_OPTIONS) == 0;
}

gboolean host_share_mount(const char *mount_point, guint wait_ms, GError **error) {
  if (!file_make_dirs(mount_point, 0700, error))
    return FALSE;
  for (guint waited = 0;; waited += POLL_MS) {
    g_autoptr(GError) why = NULL;
    if (try_mount(mount_point, &why))
      return TRUE;
    if (why) {
      g_propagate_error(error, g_steal_pointer(&why));
      return FALSE;
    }
    if (waited >= wait_ms)
      break;
    g_usleep(POLL_MS * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "no host-shared device");
  return FALSE;
}

gboolean host_share_unmount(const char *mount_point, GError **error) {
  if (umount2(mount_point, MNT_DETACH) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to unmount %s", mount_point);
  return FALSE;
}

static gboolean write_new_file(const char *path, GBytes *content, GError **error) {
  gsize len;
  const char *data = g_bytes_get_data(content, &len);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to create %s", path);
    return FALSE;
  }
  gboolean written = TRUE;
  for (gsize done = 0; written && done < len;) {
    ssize_t n = write(fd, data + done, len - done);
    if (n > 0)
      done += (gsize)n;
    else if (errno != EINTR)
      written = FALSE;
  }
  if (!written)
    dstack_set_errno(error, errno, "failed to write %s", path);
  if (close(fd) != 0 && written) {
    dstack_set_errno(error, errno, "failed to write %s", path);
    written = FALSE;
  }
  return written;
}

static gboolean copy_file(const SharedFile *file, const char *source, const char *target, GError **error) {
  g_autofree char *from = g_build_filename(source, file->name, NULL);
  g_autofree char *to = g_build_filename(target, file->name, NULL);
  g_autoptr(GError) why = NULL;
  g_autoptr(GBytes) content = file_read_nofollow(from, file->max, &why);
  if (!content && !file->required && g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return TRUE;
  if (!content) {
    g_propagate_prefixed_error(error, g_steal_pointer(&why), "failed to copy from the host: ");
    return FALSE;
  }
  return write_new_file(to, content, error);
}

gboolean host_share_copy(const char *source, const char *target, GError **error) {
  if (!file_remove_tree(target, error) || !file_make_dirs(target, 0700, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(shared_files); i++)
    if (!copy_file(&shared_files[i], source, target, error))
      return FALSE;
  return TRUE;
}
