#include "kms/long_version.h"

#include "kms/version.h"

#include <string.h>

const char *kms_long_version(void) {
  return strcmp(KMS_GIT_REVISION, "unknown") == 0 ? "v" DSTACK_VERSION " (unknown)"
                                                  : "v" DSTACK_VERSION " (git:" KMS_GIT_REVISION ")";
}
