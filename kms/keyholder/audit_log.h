/* The audit log's writer: every line is on its way to the disk before the key holder does what the line says.
 *
 * The descriptor is opened while there are files. Only the newest segment is written; a start after it has grown over
 * AUDIT_SEGMENT_BYTES begins the next one. */
#pragma once

#include "base/json.h"
#include "base/secret.h"

#include <glib.h>

#define AUDIT_SEGMENT_BYTES (64 * 1024 * 1024)
#define AUDIT_SYNC_SECONDS 1

typedef struct AuditLog AuditLog;

/* Makes `dir` (0700) and the first file in it when they are missing, so that a reader can open it before there are
 * lines. */
gboolean audit_log_prepare(const char *dir, GError **error);
/* Prepares `dir` and goes on with the log in it. A line that a crash cut off is removed: what it
 * would have recorded did not happen. `key` signs lines and must outlive the log. `sync_each`: a line is on the disk,
 * not just with the kernel, before audit_log_append() returns. Errors: INVALID or UNVERIFIED when the newest segment is
 * damaged in any other way, UNAVAILABLE when another process writes it, those of files. */
AuditLog *audit_log_open(const char *dir, gboolean sync_each, const Secret *key, GError **error);
void audit_log_free(AuditLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditLog, audit_log_free)

/* Bytes of a cut-off line that opening removed; 0: none. */
guint64 audit_log_torn_bytes(const AuditLog *log);
/* How many lines there are. */
guint64 audit_log_length(const AuditLog *log);

/* Adds a line with `members`. On error nothing was added, and when that can't be said for sure, every later call fails.
 */
gboolean audit_log_append(AuditLog *log, const json_t *members, GError **error);

/* Milliseconds until audit_log_sync() is due; -1: nothing to do. */
gint audit_log_sync_due(const AuditLog *log);
/* Has the disk take what is with the kernel, when that is due. Error IO; every later audit_log_append() fails then. */
gboolean audit_log_sync(AuditLog *log, GError **error);
