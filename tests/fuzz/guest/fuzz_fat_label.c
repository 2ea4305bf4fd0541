/* The boot sector of any disk the host attaches. */
#include "cvm/fat_label.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char label[FAT_LABEL_SIZE + 1];
  (void)fat_label_parse(data, size, label); /* no crash is all that is asked */
  return 0;
}
