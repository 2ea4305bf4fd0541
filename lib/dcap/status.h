/* TCB status: Intel's names, and how the status of platform, module and quoting enclave become one (B.10). */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>

/* FALSE for a name Intel does not define. */
gboolean tcb_status_parse(const char *name, TcbStatus *out);
/* What a platform's status becomes when its module or quoting enclave has `part`: the more severe one, except that an
 * outdated part of a platform in need of configuration makes OutOfDateConfigurationNeeded. */
TcbStatus tcb_status_merge(TcbStatus platform, TcbStatus part);
/* Appends those of `more` that `ids` does not hold yet. */
void tcb_advisories_merge(GPtrArray *ids, const GPtrArray *more);
