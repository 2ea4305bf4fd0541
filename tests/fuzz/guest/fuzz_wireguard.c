/* What a gateway answers: whatever passes the checks has no line break and no blank left for a configuration file. */
#include "wireguard_config.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autofree char *text = g_strndup((const char *)data, size);
  g_auto(GStrv) parts = g_strsplit(text, "|", 4);
  if (g_strv_length(parts) != 4)
    return 0;
  g_autoptr(WireguardConfig) config = wireguard_config_new(parts[0], NULL);
  if (config && wireguard_config_add(config, parts[1], parts[2], parts[3], NULL)) {
    const WireguardPeer *peer = config->peers->pdata[0];
    g_assert_null(strpbrk(peer->public_key, " \r\n#"));
    g_assert_null(strpbrk(peer->endpoint, " \r\n#"));
    g_assert_null(strpbrk(peer->ip, " \r\n#/"));
  }
  return 0;
}
