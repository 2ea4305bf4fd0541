/* The three JSON files the host hands in. */
#include "cvm/compose.h"
#include "cvm/instance_info.h"
#include "cvm/sys_config.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  app_compose_free(app_compose_parse((const char *)data, size, NULL));
  sys_config_free(sys_config_parse((const char *)data, size, NULL));
  instance_info_free(instance_info_parse((const char *)data, size, NULL));
  return 0;
}
