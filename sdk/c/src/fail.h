/* How the functions of this library fail. */
#pragma once

#include "dstack/dstack.h"

/* Fills `error`, which may be NULL, and returns `status`. */
__attribute__((format(printf, 3, 4))) dstack_status fail(dstack_error *error, dstack_status status, const char *format,
                                                         ...);
/* The same for an answer with an HTTP status. */
__attribute__((format(printf, 3, 4))) dstack_status fail_answer(dstack_error *error, int http_status,
                                                                const char *format, ...);
dstack_status fail_memory(dstack_error *error);
