#include "vmm/accelerator.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/process.h"

#include <string.h>
#include <unistd.h>

#define KVM_DEVICE "/dev/kvm"
#define TDX_PARAMETER "/sys/module/kvm_intel/parameters/tdx"
#define CACHE_FILE ".accelerator.json"
#define MAX_SMALL_FILE 4096
#define PROBE_MS 10000
#define PROBE_OUTPUT_BYTES (1024 * 1024)

struct Accelerator {
  const VmmConfig *config;
  GMutex lock; /* held through a probe: nobody starts a second one */
  gboolean known, kvm;
};

Accelerator *accelerator_new(const VmmConfig *config) {
  Accelerator *accelerator = g_new0(Accelerator, 1);
  accelerator->config = config;
  g_mutex_init(&accelerator->lock);
  return accelerator;
}

void accelerator_free(Accelerator *accelerator) {
  if (!accelerator)
    return;
  g_mutex_clear(&accelerator->lock);
  g_free(accelerator);
}

gboolean accelerator_host_has_tdx(void) {
  g_autofree char *value = file_read_text(TDX_PARAMETER, MAX_SMALL_FILE, NULL);
  return value && (*value == 'Y' || *value == '1');
}

/* Boots the kernel without a root file system: where KVM works, it gets as far as missing that within a second or two, and its
 * panic ends QEMU. */
static gboolean kernel_boots(const VmmConfig *config, const VmmImage *image) {
  g_autofree char *kernel = vmm_image_file(image, image->kernel);
  const char *const argv[] = {config->qemu_path, "-accel",  "kvm",  "-cpu",    "host",          "-m",      "256M", "-nodefaults",
                              "-nographic",      "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-append",
                              "console=ttyS0 panic=-1", NULL};
  g_auto(ProcessResult) result = {0};
  g_autoptr(GError) error = NULL;
  ProcessSpec spec = {.argv = argv, .timeout_ms = PROBE_MS, .max_output = PROBE_OUTPUT_BYTES};
  if (!process_run(&spec, &result, &error)) {
    log_info("kvm does not boot a kernel here: %s", error->message);
    return FALSE;
  }
  return result.status == 0 && strstr(result.output, "Linux version") && strstr(result.output, "Kernel panic");
}

/* What the result depends on. */
static char *host_key(const VmmConfig *config) {
  g_autofree char *boot_id = file_read_text("/proc/sys/kernel/random/boot_id", MAX_SMALL_FILE, NULL);
  return g_strdup_printf("%s %s %s", boot_id ? g_strchomp(boot_id) : "", config->qemu_path,
                         config->qemu_version ? config->qemu_version : "");
}

static gboolean read_cache(const char *path, const char *key, gboolean *kvm) {
  g_autoptr(json_t) cache = json_parse_file(path, MAX_SMALL_FILE, NULL);
  const char *cached_key = json_string_value(json_object_get(cache, "host"));
  *kvm = json_is_true(json_object_get(cache, "kvm"));
  return cached_key && strcmp(cached_key, key) == 0;
}

static void write_cache(const char *path, const char *key, gboolean kvm) {
  g_autoptr(json_t) cache = json_pack("{s:s, s:b}", "host", key, "kvm", kvm);
  g_autofree char *text = json_print(cache);
  g_autoptr(GError) error = NULL;
  if (!file_write_atomic(path, text, strlen(text), 0644, &error))
    log_warn("%s", error->message); /* the next start probes again */
}

static gboolean find_out(const VmmConfig *config, const VmmImage *image) {
  if (access(KVM_DEVICE, R_OK | W_OK) != 0)
    return FALSE;
  g_autofree char *path = g_build_filename(config->run_path, CACHE_FILE, NULL), *key = host_key(config);
  gboolean kvm;
  if (read_cache(path, key, &kvm))
    return kvm;
  log_info("trying whether kvm boots a kernel here");
  kvm = kernel_boots(config, image);
  write_cache(path, key, kvm);
  return kvm;
}

gboolean accelerator_use_kvm(Accelerator *accelerator, const VmmImage *image) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&accelerator->lock);
  const VmmConfig *config = accelerator->config;
  if (!accelerator->known) {
    accelerator->kvm = config->accel == ACCEL_KVM || (config->accel == ACCEL_AUTO && find_out(config, image));
    accelerator->known = TRUE;
    log_info("virtual machines run under %s", accelerator->kvm ? "kvm" : "tcg");
  }
  return accelerator->kvm;
}
