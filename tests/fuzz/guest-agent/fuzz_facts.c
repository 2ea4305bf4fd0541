/* Docker's container list, and the text files of the system. */
#include "guest-agent/containers.h"
#include "guest-agent/network_info.h"
#include "guest-agent/system_info.h"
#include "prpc/message.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(PrpcMessage) list = prpc_message_new(&guest_api__list_containers_response__descriptor);
  (void)containers_parse((const char *)data, size, (GuestApi__ListContainersResponse *)list, NULL); /* must not crash */
  g_autofree char *text = g_strndup((const char *)data, size);
  g_auto(GStrv) servers = resolv_conf_servers(text);
  g_auto(GStrv) gateways = route_gateways(text);
  g_autofree char *name = os_release_value(text, "NAME");
  g_assert_true(servers && gateways && name);
  (void)meminfo_value(text, "MemTotal"); /* any number will do */
  return 0;
}
