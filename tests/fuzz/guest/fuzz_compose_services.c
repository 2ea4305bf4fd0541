/* The docker compose YAML, as far as it is read. */
#include "compose_services.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  compose_services_free(compose_services_parse((const char *)data, size, NULL));
  return 0;
}
