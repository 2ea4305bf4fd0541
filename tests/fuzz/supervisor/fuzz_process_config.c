/* ProcessConfig of a client: what was accepted must be written and read back. */
#include "supervisor/process_config.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_autoptr(json_t) object = json_parse((const char *)data, size, "fuzz", NULL);
  g_autoptr(ProcessConfig) config = object ? process_config_parse(object, NULL) : NULL;
  if (!config)
    return 0;
  g_autoptr(json_t) written = process_config_to_json(config);
  g_assert_nonnull(written);
  g_autoptr(ProcessConfig) again = process_config_parse(written, NULL);
  g_assert_nonnull(again);
  return 0;
}
