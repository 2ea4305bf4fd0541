/* vm-manifest.json: what was accepted must be written and read back. */
#include "vmm/manifest.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_autoptr(json_t) object = json_parse((const char *)data, size, "fuzz", NULL);
  g_autoptr(Manifest) manifest = object ? manifest_parse(object, NULL) : NULL;
  if (!manifest)
    return 0;
  g_autoptr(json_t) written = manifest_to_json(manifest);
  g_assert_nonnull(written);
  g_autoptr(Manifest) again = manifest_parse(written, NULL);
  g_assert_nonnull(again);
  return 0;
}
