#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

dstack_status fail(dstack_error *error, dstack_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
    error->http_status = 0;
  }
  return status;
}

dstack_status fail_answer(dstack_error *error, int http_status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = DSTACK_REFUSED;
    error->http_status = http_status;
  }
  return DSTACK_REFUSED;
}

dstack_status fail_memory(dstack_error *error) { return fail(error, DSTACK_NO_MEMORY, "out of memory"); }
