/* Everything the command line parses of text that people write: ports, sizes, environment files. */
#include "cli/env_file.h"
#include "cli/port_spec.h"
#include "cli/size.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size) {
  g_autofree char *text = g_utf8_make_valid((const char *)data, (gssize)size);
  g_auto(PortSpec) port = {0};
  g_auto(EnvFile) env = {0};
  guint32 value;
  if (port_spec_parse(text, &port, NULL))
    g_assert_true(port.host_port > 0 && port.vm_port > 0 && port.address);
  (void)size_parse_memory(text, &value, NULL);
  (void)size_parse_disk(text, &value, NULL);
  if (env_file_parse(text, &env, NULL)) {
    g_autoptr(Secret) plaintext = env_file_plaintext(&env);
    g_assert_nonnull(plaintext);
  }
  return 0;
}
