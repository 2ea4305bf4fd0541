/* The runtime log: what was extended into RTMR3 since boot (spec: attestation C.7). The caller holds the runtime lock.
 */
#pragma once

#include "tdx/platform.h"

/* A guest that emits more would make logs that verifiers refuse; room is left for the boot events. */
#define RUNTIME_LOG_MAX_EVENTS (TDX_LOG_MAX_EVENTS - 256)
#define RUNTIME_LOG_MAX_SIZE (8 * 1024 * 1024)

/* The log, and in `rtmr3` what it replays to: to be compared with a quote. Error UNVERIFIED when an emission did not come to its
 * end. */
TdxEventLog *runtime_log_read(TdxPlatform *platform, guint8 rtmr3[TDX_MR_SIZE], GError **error);
/* The log, compared with the register: error UNVERIFIED also when they differ. */
TdxEventLog *runtime_log_load(TdxPlatform *platform, GError **error);
/* The digest rule that was chosen for this boot: 1 when none was. Errors of reading; INVALID for a file that says
 * something else. */
gboolean runtime_log_version(const TdxPlatform *platform, guint *version, GError **error);
gboolean runtime_log_choose_version(const TdxPlatform *platform, TdxEventLog *log, guint version, GError **error);

/* What was read last: most callers find the file as it was. */
typedef struct TdxRuntimeCache TdxRuntimeCache;
void runtime_cache_free(TdxRuntimeCache *cache);

/* Extends RTMR3 by `event` and appends it to the log, of which `before` is the current content. */
gboolean runtime_log_emit(TdxPlatform *platform, TdxEventLog *before, const TdxEvent *event, GError **error);
