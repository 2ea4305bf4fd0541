/* Any bytes: refused, or a log that survives being written and read again. */
#include "tdx/event_log.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) log = tdx_ccel_parse(data, size, &error);
  g_assert((log == NULL) == (error != NULL));
  if (!log)
    return 0;
  g_autoptr(GBytes) built = tdx_ccel_build(log, size + 128, &error);
  g_assert_no_error(error);
  g_autoptr(TdxEventLog) again = tdx_ccel_parse(g_bytes_get_data(built, NULL), g_bytes_get_size(built), &error);
  g_assert_no_error(error);
  g_autofree char *text = tdx_event_log_print(log), *text_again = tdx_event_log_print(again);
  g_assert_cmpstr(text, ==, text_again);
  return 0;
}
