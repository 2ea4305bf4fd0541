#include "vmm/tee_simulator.h"

#include "base/hex.h"
#include "base/json.h"
#include "measure/measure.h"

#include <string.h>

#define PLATFORM "dstack-tdx"

static gboolean measure(const LaunchPlan *plan, const char *vm_config, Measurements *out, GError **error) {
  MeasureVm vm;
  guint8 os_image_hash[32];
  gboolean has_hash;
  g_autoptr(GBytes) storage = NULL;
  g_autoptr(OsImage) image = os_image_open(plan->qemu.image->dir, FALSE, error);
  return image && measure_vm_parse(vm_config, &vm, os_image_hash, &has_hash, &storage, error) &&
         measure_image(image, &vm, out, error);
}

char *tee_simulator_text(const LaunchPlan *plan, const char *vm_config, GError **error) {
  g_auto(Measurements) measurements = {0};
  if (!measure(plan, vm_config, &measurements, error)) {
    g_prefix_error(error, "failed to measure image %s: ", plan->qemu.image->name);
    return NULL;
  }
  g_autofree char *mrtd = hex_encode(measurements.mrtd, sizeof measurements.mrtd);
  g_autofree char *mr_config_id = hex_encode(plan->mr_config_id, sizeof plan->mr_config_id);
  g_autofree char *boot_log_text = tdx_event_log_print(measurements.boot_log);
  g_autoptr(json_t) boot_log = json_parse(boot_log_text, strlen(boot_log_text), "boot log", error);
  if (!boot_log)
    return NULL;
  g_autoptr(json_t) object =
      json_pack("{s:s, s:s, s:s, s:s, s:O}", "platform", PLATFORM, "mock_attestation_seed",
                plan->qemu.config->simulator_seed, "mrtd", mrtd, "mr_config_id", mr_config_id, "boot_log", boot_log);
  return json_print(object);
}
