/* Any text: refused, or a log that prints to the same again, replays, and is judged by the rules of identities. */
#include "tdx/app_info.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(TdxEventLog *log, AppInfoMode mode) {
  Quote quote = {.tee_type = TEE_TDX};
  for (guint i = 0; i < TDX_N_RTMRS; i++)
    g_assert(tdx_replay(log, i, NULL, quote.td.rtmr[i], NULL));
  g_autoptr(GError) error = NULL;
  g_autoptr(AppInfo) info = app_info_decode(&quote, log, mode, &error);
  g_assert((info == NULL) == (error != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) log = tdx_event_log_parse((const char *)data, size, &error);
  g_assert((log == NULL) == (error != NULL));
  if (!log)
    return 0;
  g_autofree char *text = tdx_event_log_print(log);
  g_autoptr(TdxEventLog) again = tdx_event_log_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  g_autofree char *text_again = tdx_event_log_print(again);
  g_assert_cmpstr(text, ==, text_again);
  decode(log, APP_INFO_RUNTIME);
  decode(log, APP_INFO_BOOT_TIME);
  return 0;
}
