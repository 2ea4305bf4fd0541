#include "base/hex.h"
#include "commands.h"
#include "tdx/platform.h"

gboolean command_extend(int argc, char **argv, GError **error) {
  g_autofree char *event = NULL, *payload_hex = NULL;
  GOptionEntry entries[] = {{"event", 'e', 0, G_OPTION_ARG_STRING, &event, "event name", "NAME"},
                            {"payload", 'p', 0, G_OPTION_ARG_STRING, &payload_hex, "payload in hex", "HEX"},
                            G_OPTION_ENTRY_NULL};
  if (!command_parse(&argc, &argv, entries, NULL, "Extends RTMR3 by an event and records it in the runtime log.",
                     error) ||
      !command_require(event, "event", error) || !command_require(payload_hex, "payload", error))
    return FALSE;
  g_autoptr(GBytes) payload = hex_decode_prefixed(payload_hex, error);
  if (!payload) {
    g_prefix_error(error, "payload: ");
    return FALSE;
  }
  g_autoptr(TdxPlatform) platform = tdx_platform_linux(error);
  gsize len;
  const void *data = g_bytes_get_data(payload, &len);
  return platform && tdx_emit_event(platform, event, data, len, error);
}
