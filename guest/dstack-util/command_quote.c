#include "base/error.h"
#include "commands.h"
#include "tdx/platform.h"

gboolean command_quote(int argc, char **argv, GError **error) {
  if (!command_parse(&argc, &argv, NULL, NULL,
                     "Reads exactly 64 bytes of report data from standard input and prints a raw quote over them.",
                     error))
    return FALSE;
  g_autoptr(GBytes) report_data = command_read_input(TDX_REPORT_DATA_SIZE, error);
  if (!report_data)
    return FALSE;
  if (g_bytes_get_size(report_data) != TDX_REPORT_DATA_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "expected 64 bytes of report data on standard input");
    return FALSE;
  }
  g_autoptr(TdxPlatform) platform = tdx_platform_linux(error);
  g_autoptr(GBytes) quote =
      platform ? platform->ops->get_quote(platform, g_bytes_get_data(report_data, NULL), error) : NULL;
  return quote && command_print(g_bytes_get_data(quote, NULL), g_bytes_get_size(quote), error);
}
