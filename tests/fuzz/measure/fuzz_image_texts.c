/* The texts around an image: sha256sum.txt, vm_config, the SEV-SNP measurement of a vm_config. */
#include "measure/measure.h"
#include "measure/snp.h"

#define MAX_SIZE (64 * 1024)

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size > MAX_SIZE)
    return 0;
  g_autofree char *text = g_strndup((const char *)data, size);
  guint8 hash[32] = {0}, digest[48];
  gboolean has_hash;
  MeasureVm vm;
  g_autoptr(GBytes) storage = NULL;
  g_autoptr(GHashTable) sums = os_image_parse_sums(text, NULL);
  gboolean parsed = measure_vm_parse(text, &vm, hash, &has_hash, &storage, NULL);
  g_autofree char *key = measure_vm_cache_key(text, NULL);
  if (parsed && vm.cpu_count < 64) {
    g_auto(AcpiBlobs) acpi = {0};
    (void)measure_acpi(&vm, &acpi, NULL);
  }
  (void)snp_measure_text(text, hash, digest, NULL);
  return 0;
}
