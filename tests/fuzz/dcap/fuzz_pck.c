/* Intel's extension of a PCK certificate. */
#include "dcap/pck.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  DcapPck pck;
  dcap_pck_parse(data, size, &pck, NULL);
  return 0;
}
