/* app-compose.json of a client, and the YAML inside. */
#include "vmm/app_compose.h"
#include "vmm/compose_yaml.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_autofree char *text = g_strndup((const char *)data, size);
  g_autoptr(AppCompose) compose = vmm_compose_parse(text, NULL);
  (void)compose_yaml_check(text, NULL);
  return 0;
}
