/* What a guest reports about its identity: what was accepted must be accepted again, unchanged. */
#include "vmm/instance_info.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_auto(InstanceInfo) info = {0}, again = {0};
  if (!instance_info_parse((const char *)data, size, &info, NULL))
    return 0;
  g_autofree char *text = instance_info_text(&info);
  g_assert_true(instance_info_parse(text, strlen(text), &again, NULL));
  g_assert_cmpstr(info.instance_id, ==, again.instance_id);
  return 0;
}
