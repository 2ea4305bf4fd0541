#include "tdx/kernel_paths.h"

#include "base/error.h"

#include <string.h>

#define MAX_LENGTH 240

char *kernel_path(const char *variable, const char *fallback, gboolean *given, GError **error) {
  const char *value = g_getenv(variable);
  *given = value != NULL;
  if (!value)
    return g_strdup(fallback);
  if (g_path_is_absolute(value) && strlen(value) < MAX_LENGTH)
    return g_strdup(value);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s must be an absolute path below %d characters", variable,
              MAX_LENGTH);
  return NULL;
}
