/* The project's one error domain.
 *
 * Every function that can fail takes `GError **error` last. Context is added on the way up with g_prefix_error(), so that
 * one line reads from the outside in: "failed to boot vm: failed to read image: metadata.json: no such file".
 * Messages never begin with a capital letter and never contain secrets. */
#pragma once

#include <glib.h>

#define DSTACK_ERROR (dstack_error_quark())
GQuark dstack_error_quark(void);

typedef enum {
  DSTACK_ERROR_INTERNAL,        /* a bug or a broken environment of ours */
  DSTACK_ERROR_INVALID,         /* input from outside that is malformed or out of bounds */
  DSTACK_ERROR_TOO_LARGE,       /* input over a named limit */
  DSTACK_ERROR_NOT_FOUND,       /* what was named does not exist */
  DSTACK_ERROR_EXISTS,          /* what was to be made exists already */
  DSTACK_ERROR_DENIED,          /* a policy said no */
  DSTACK_ERROR_UNVERIFIED,      /* a signature, measurement or binding did not verify */
  DSTACK_ERROR_UNAVAILABLE,     /* a peer, device or resource can not be used now */
  DSTACK_ERROR_TIMEOUT,         /* a named time limit passed */
  DSTACK_ERROR_IO,              /* a system call on a file or socket failed */
  DSTACK_ERROR_NOT_IMPLEMENTED, /* known to the protocol, not built yet */
} DstackErrorCode;

/* Sets *error from errno: "<formatted text>: <strerror in lower case>". The code is NOT_FOUND for ENOENT, EXISTS for
 * EEXIST, DENIED for EACCES and EPERM, TIMEOUT for ETIMEDOUT, else IO. */
void dstack_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);
