/* The header of the host's data disk. */
#include "luks_header.h"
#include "luks_metadata.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)luks_header_check(data, size, NULL); /* no crash is all that is asked */
  (void)luks_metadata_check((const char *)data, size, 16384, NULL);
  return 0;
}
