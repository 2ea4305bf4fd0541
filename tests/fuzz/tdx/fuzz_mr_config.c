/* Any text: refused, or a document whose canonical form reads to the same again. */
#include "tdx/mr_config_v3.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GError) error = NULL;
  g_autoptr(MrConfigV3) config = mr_config_v3_parse((const char *)data, size, &error);
  g_assert((config == NULL) == (error != NULL));
  if (!config)
    return 0;
  g_autofree char *text = mr_config_v3_print(config);
  g_autoptr(MrConfigV3) again = mr_config_v3_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  g_autofree char *text_again = mr_config_v3_print(again);
  g_assert_cmpstr(text, ==, text_again);
  guint8 id[48];
  mr_config_id_v3(text, strlen(text), id);
  g_assert(mr_config_id_check_v3(id, text, strlen(text), config, NULL));
  return 0;
}
