/* The plaintext of an encrypted environment, and the files made of it. */
#include "env_file.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char *allowed[] = {"A", "B", "PATH", NULL};
  g_autoptr(GTree) map = env_parse((const char *)data, size, allowed, NULL);
  if (map) {
    g_autoptr(Secret) lines = env_file_lines(map);
    g_autoptr(Secret) json = env_file_json(map);
    g_assert_true(lines && json);
  }
  return 0;
}
