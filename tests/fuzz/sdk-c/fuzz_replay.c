#include "dstack/dstack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An event log, which comes with quotes of others. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  char *log = malloc(size + 1);
  if (size)
    memcpy(log, data, size);
  log[size] = '\0';
  (void)dstack_replay_rtmrs(log, registers, NULL);
  free(log);
  return 0;
}
