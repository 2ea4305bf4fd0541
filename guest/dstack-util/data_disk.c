#include "data_disk.h"

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "cvm/host_notify.h"
#include "luks.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MAPPER_PATH "/dev/mapper/" DATA_DISK_MAPPER
#define MAPPER_WAIT_MS 5000
#define POLL_MS 20
#define CHECK_TIMEOUT_MS (10 * 60 * 1000) /* of large, damaged disks */
#define E2FSCK_CORRECTED 1

static gboolean wait_for_mapper(GError **error) {
  struct stat state;
  for (guint waited = 0; waited < MAPPER_WAIT_MS; waited += POLL_MS) {
    if (stat(MAPPER_PATH, &state) == 0 && S_ISBLK(state.st_mode))
      return TRUE;
    g_usleep(POLL_MS * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, MAPPER_PATH " did not appear");
  return FALSE;
}

static gboolean run(const char *const *argv, int also_ok, GError **error) {
  g_auto(ProcessResult) result = {0};
  ProcessSpec spec = {.argv = argv, .timeout_ms = CHECK_TIMEOUT_MS};
  if (!process_run(&spec, &result, error))
    return FALSE;
  int code = WIFEXITED(result.status) ? WEXITSTATUS(result.status) : -1;
  if (code == 0 || code == also_ok)
    return TRUE;
  g_strchomp(result.errors);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "%s failed with status %d: %s", argv[0], code, result.errors);
  return FALSE;
}

static gboolean mount_filesystem(const char *mount_point, GError **error) {
  if (!file_make_dirs(mount_point, 0755, error))
    return FALSE;
  if (mount(MAPPER_PATH, mount_point, "ext4", MS_NOATIME, NULL) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to mount the data disk");
  return FALSE;
}

/* The header goes to the disk last, so that a disk with one always has a whole file system behind it. */
static gboolean format_disk(const DataDisk *disk, GError **error) {
  host_notify_or_log(disk->host_api_url, HOST_EVENT_BOOT_PROGRESS, "initializing data disk");
  g_autoptr(LuksHeader) header = luks_header_create(disk->device, disk->disk_key, error);
  return header && luks_open(header, disk->device, disk->disk_key, DATA_DISK_MAPPER, error) && wait_for_mapper(error) &&
         run((const char *const[]){"mkfs.ext4", "-F", "-q", MAPPER_PATH, NULL}, 0, error) &&
         luks_header_write(header, disk->device, error);
}

static gboolean open_disk(const DataDisk *disk, GError **error) {
  host_notify_or_log(disk->host_api_url, HOST_EVENT_BOOT_PROGRESS, "mounting data disk");
  g_autoptr(LuksHeader) header = luks_header_read(disk->device, error);
  return header && luks_open(header, disk->device, disk->disk_key, DATA_DISK_MAPPER, error) && wait_for_mapper(error) &&
         run((const char *const[]){"e2fsck", "-f", "-p", MAPPER_PATH, NULL}, E2FSCK_CORRECTED, error) &&
         run((const char *const[]){"resize2fs", MAPPER_PATH, NULL}, 0, error);
}

gboolean data_disk_mount(const DataDisk *disk, GError **error) {
  gboolean formatted;
  if (!luks_probe(disk->device, &formatted, error))
    return FALSE;
  gboolean ready = formatted && !disk->always_format ? open_disk(disk, error) : format_disk(disk, error);
  return ready && mount_filesystem(disk->mount_point, error);
}
