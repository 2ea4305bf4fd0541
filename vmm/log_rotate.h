/* Keeps log files bounded: whatever a guest prints, it must not fill the host's disk (spec: vmm 11). The writer keeps its file
 * and goes on at its new end, so it must have opened it for appending. */
#pragma once

#include <glib.h>

typedef struct {
  guint64 max_bytes;  /* of a live file, and of each backup; 0: no bound */
  guint max_backups;  /* <path>.1 is the latest; 0: what is rotated is discarded */
} LogLimits;

/* Moves the content of a log to its first backup and notes it in the emptied file; of more than max_bytes only the end is kept.
 * An empty or missing file is left alone. */
gboolean log_rotate(const char *path, const LogLimits *limits, GError **error);
/* TRUE when the file is larger than it may be. */
gboolean log_is_too_large(const char *path, const LogLimits *limits);
/* Notes in an existing log that the VM is started now. */
gboolean log_note_boot(const char *path, GError **error);
