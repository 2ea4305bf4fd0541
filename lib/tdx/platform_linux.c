/* The kernel's own interfaces of a TDX guest, and of a development guest whose simulator presents the same ones. */
#include "tdx/platform.h"

#include "base/error.h"
#include "base/file.h"
#include "tdx/configfs.h"
#include "tdx/guest_device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CONFIGFS_DIRECTORY "/sys/kernel/config/tsm/report/com.intel.dcap"
#define REGISTER_DIRECTORY "/sys/devices/virtual/misc/tdx_guest/measurements"
#define CCEL_FILE "/sys/firmware/acpi/tables/data/CCEL"
#define RUNTIME_LOG "/run/log/tdx_mr3/tdx_events.log"
#define RUNTIME_LOCK "/run/log/tdx_mr3/tdx_events.lock"
#define PATH_MAX_LENGTH 240
#define CCEL_MAX_SIZE (4 * 1024 * 1024)
#define FIRST_GUEST_RTMR 2

typedef struct {
  TdxPlatform base;
  char *configfs_directory, *register_directory, *ccel_file;
  gboolean registers_given; /* by the environment: no other way is tried then */
} LinuxPlatform;

static gboolean check_index(guint index, guint first, GError **error) {
  if (index >= first && index < TDX_N_RTMRS)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "rtmr%u can not be used by the guest", index);
  return FALSE;
}

static char *register_path(const LinuxPlatform *self, guint index) {
  return g_strdup_printf("%s/rtmr%u:sha384", self->register_directory, index);
}

static gboolean has_registers(const LinuxPlatform *self) {
  return self->registers_given || g_file_test(self->register_directory, G_FILE_TEST_IS_DIR);
}

static GBytes *linux_get_quote(TdxPlatform *platform, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  return configfs_get_quote(((LinuxPlatform *)platform)->configfs_directory, report_data, error);
}

static gboolean linux_extend(TdxPlatform *platform, guint index, const guint8 digest[48], GError **error) {
  LinuxPlatform *self = (LinuxPlatform *)platform;
  if (!check_index(index, FIRST_GUEST_RTMR, error))
    return FALSE;
  if (!has_registers(self))
    return guest_device_extend(index, digest, error);
  g_autofree char *path = register_path(self, index);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  gboolean written = fd >= 0 && write(fd, digest, TDX_MR_SIZE) == TDX_MR_SIZE;
  int saved = errno;
  if (fd >= 0 && close(fd) != 0 && written) {
    written = FALSE;
    saved = errno;
  }
  if (!written)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed to extend %s: %s", path, g_strerror(saved));
  return written;
}

static gboolean linux_read(TdxPlatform *platform, guint index, guint8 out[48], GError **error) {
  LinuxPlatform *self = (LinuxPlatform *)platform;
  if (!check_index(index, 0, error))
    return FALSE;
  if (!has_registers(self))
    return guest_device_read(index, out, error);
  g_autofree char *path = register_path(self, index);
  g_autoptr(GBytes) value = file_read(path, TDX_MR_SIZE, error);
  if (!value)
    return FALSE;
  if (g_bytes_get_size(value) != TDX_MR_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "%s: not a register of %d bytes", path, TDX_MR_SIZE);
    return FALSE;
  }
  memcpy(out, g_bytes_get_data(value, NULL), TDX_MR_SIZE);
  return TRUE;
}

static TdxEventLog *linux_boot_log(TdxPlatform *platform, GError **error) {
  LinuxPlatform *self = (LinuxPlatform *)platform;
  g_autoptr(GBytes) table = file_read(self->ccel_file, CCEL_MAX_SIZE, error);
  gsize len;
  const void *data = table ? g_bytes_get_data(table, &len) : NULL;
  TdxEventLog *log = data ? tdx_ccel_parse(data, len, error) : NULL;
  if (!log)
    g_prefix_error(error, "failed to read the boot log: ");
  return log;
}

static void linux_free(TdxPlatform *platform) {
  LinuxPlatform *self = (LinuxPlatform *)platform;
  g_free(self->configfs_directory);
  g_free(self->register_directory);
  g_free(self->ccel_file);
  g_free(self);
}

static const TdxPlatformOps linux_ops = {linux_get_quote, linux_extend, linux_read, linux_boot_log, linux_free};

/* A path from the environment replaces the kernel's, and then nothing else is tried. */
static char *path_from(const char *variable, const char *fallback, gboolean *given, GError **error) {
  const char *value = g_getenv(variable);
  *given = value != NULL;
  if (!value)
    return g_strdup(fallback);
  if (g_path_is_absolute(value) && strlen(value) < PATH_MAX_LENGTH)
    return g_strdup(value);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s must be an absolute path below %d characters", variable,
              PATH_MAX_LENGTH);
  return NULL;
}

TdxPlatform *tdx_platform_linux(GError **error) {
  LinuxPlatform *self = g_new0(LinuxPlatform, 1);
  self->base.ops = &linux_ops;
  self->base.name = "tdx";
  self->base.runtime_log_path = g_strdup(RUNTIME_LOG);
  self->base.runtime_lock_path = g_strdup(RUNTIME_LOCK);
  g_autoptr(TdxPlatform) platform = &self->base;
  gboolean given;
  self->configfs_directory = path_from("DCAP_TDX_QUOTE_CONFIGFS_PATH", CONFIGFS_DIRECTORY, &given, error);
  if (!self->configfs_directory)
    return NULL;
  self->register_directory = path_from("DCAP_TDX_RTMR_SYSFS_PATH", REGISTER_DIRECTORY, &self->registers_given, error);
  if (!self->register_directory)
    return NULL;
  self->ccel_file = path_from("DSTACK_CCEL_FILE", CCEL_FILE, &given, error);
  return self->ccel_file ? g_steal_pointer(&platform) : NULL;
}
