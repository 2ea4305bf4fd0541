/* A guest's console output: no control character but the line feed may come through. */
#include "vmm/log_filter.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_autofree char *text = g_utf8_make_valid((const char *)data, (gssize)size);
  g_autoptr(GString) out = g_string_new(NULL);
  LogFilter filter = {0};
  log_filter(&filter, text, out);
  g_assert_true(g_utf8_validate(out->str, (gssize)out->len, NULL));
  for (const char *at = out->str; *at; at = g_utf8_next_char(at))
    g_assert_true(*at == '\n' || !g_unichar_iscntrl(g_utf8_get_char(at)));
  return 0;
}
