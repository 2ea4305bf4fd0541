#include "dstack/dstack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A canonical text is its own canonical text, but for numbers like 1e20, which are integers too large in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *once = NULL, *twice = NULL;
  if (dstack_canonical_compose((const char *)data, size, true, &once, NULL) != DSTACK_OK)
    return 0;
  if (dstack_canonical_compose(once, strlen(once), false, &twice, NULL) == DSTACK_OK && strcmp(once, twice) != 0)
    abort();
  dstack_string_free(once);
  dstack_string_free(twice);
  return 0;
}
