#include "kms/verifier/vm_config.h"

#include "base/error.h"
#include "measure/measure.h"

gboolean vm_config_image_hash(const char *text, guint8 out[KMS_IMAGE_HASH_SIZE], GError **error) {
  MeasureVm vm;
  gboolean has_hash = FALSE;
  g_autoptr(GBytes) storage = NULL;
  if (!measure_vm_parse(text, &vm, out, &has_hash, &storage, error)) {
    g_prefix_error(error, "failed to decode vm config: ");
    return FALSE;
  }
  if (has_hash)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "failed to decode vm config: os_image_hash is missing");
  return FALSE;
}
