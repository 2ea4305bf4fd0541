#include "base/version.h"

#include <stdio.h>
#include <string.h>

gboolean version_answer(int argc, char **argv, const char *program, const char *revision) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "-V") == 0)
      printf("%s " DSTACK_VERSION "\n", program);
    else if (strcmp(argv[i], "--version") == 0)
      printf("%s v" DSTACK_VERSION " (%s)\n", program, revision);
    else
      continue;
    return TRUE;
  }
  return FALSE;
}
