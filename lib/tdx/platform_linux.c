/* The kernel's own interfaces of a TDX guest, and of a development guest whose simulator presents the same ones. */
#include "tdx/platform.h"

#include "base/error.h"
#include "base/file.h"
#include "tdx/kernel_paths.h"
#include "tdx/quote_source.h"
#include "tdx/registers.h"

#define CCEL_FILE "/sys/firmware/acpi/tables/data/CCEL"
#define RUNTIME_LOG "/run/log/tdx_mr3/tdx_events.log"
#define RUNTIME_LOCK "/run/log/tdx_mr3/tdx_events.lock"
#define CCEL_MAX_SIZE (4 * 1024 * 1024)

typedef struct {
  TdxPlatform base;
  char *configfs_directory, *register_directory, *ccel_file;
  gboolean configfs_given, registers_given; /* by the environment: no other way is tried then */
} LinuxPlatform;

static GBytes *linux_get_quote(TdxPlatform *platform, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  const LinuxPlatform *self = (LinuxPlatform *)platform;
  QuoteSource source;
  quote_source_init(&source);
  source.configfs_directory = self->configfs_directory;
  source.configfs_only = self->configfs_given;
  return quote_source_get(&source, report_data, NULL, error);
}

static gboolean linux_extend(TdxPlatform *platform, guint index, const guint8 digest[48], GError **error) {
  const LinuxPlatform *self = (LinuxPlatform *)platform;
  return registers_extend(self->register_directory, self->registers_given, index, digest, error);
}

static gboolean linux_read(TdxPlatform *platform, guint index, guint8 out[48], GError **error) {
  const LinuxPlatform *self = (LinuxPlatform *)platform;
  return registers_read(self->register_directory, self->registers_given, index, out, error);
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

TdxPlatform *tdx_platform_linux(GError **error) {
  LinuxPlatform *self = g_new0(LinuxPlatform, 1);
  self->base.ops = &linux_ops;
  self->base.name = "tdx";
  self->base.runtime_log_path = g_strdup(RUNTIME_LOG);
  self->base.runtime_lock_path = g_strdup(RUNTIME_LOCK);
  g_autoptr(TdxPlatform) platform = &self->base;
  gboolean given;
  self->configfs_directory =
      kernel_path("DCAP_TDX_QUOTE_CONFIGFS_PATH", QUOTE_CONFIGFS_DIRECTORY, &self->configfs_given, error);
  if (!self->configfs_directory)
    return NULL;
  self->register_directory =
      kernel_path("DCAP_TDX_RTMR_SYSFS_PATH", REGISTERS_DIRECTORY, &self->registers_given, error);
  if (!self->register_directory)
    return NULL;
  self->ccel_file = kernel_path("DSTACK_CCEL_FILE", CCEL_FILE, &given, error);
  return self->ccel_file ? g_steal_pointer(&platform) : NULL;
}
