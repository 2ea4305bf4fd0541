#include "base/error.h"

#include <errno.h>
#include <stdarg.h>

G_DEFINE_QUARK(dstack-error, dstack_error)

static DstackErrorCode code_of_errno(int errnum) {
  switch (errnum) {
  case ENOENT:
    return DSTACK_ERROR_NOT_FOUND;
  case EEXIST:
    return DSTACK_ERROR_EXISTS;
  case EACCES:
  case EPERM:
    return DSTACK_ERROR_DENIED;
  case ETIMEDOUT:
    return DSTACK_ERROR_TIMEOUT;
  default:
    return DSTACK_ERROR_IO;
  }
}

void dstack_set_errno(GError **error, int errnum, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *what = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *why = g_strdup(g_strerror(errnum));
  why[0] = g_ascii_tolower(why[0]);
  g_set_error(error, DSTACK_ERROR, code_of_errno(errnum), "%s: %s", what, why);
}
