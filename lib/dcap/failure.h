/* How the parts of this library fail: each check returns the class of its failure and sets an error that begins with
 * the class's name ("expired: tcb info ended at ..."). */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>

/* Sets *error to "<name of failure>: <text>" and returns `failure`. */
DcapFailure dcap_fail(GError **error, DcapFailure failure, const char *format, ...) G_GNUC_PRINTF(3, 4);
