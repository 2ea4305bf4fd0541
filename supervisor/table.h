/* The supervisor's processes and their state machine (spec: supervisor-and-cli A.3). Thread-safe. */
#pragma once

#include "base/json.h"

#include <glib.h>

typedef struct ProcessTable ProcessTable;

/* `store_path` is where the table is kept, so that a supervisor that takes this one's place finds its children again by pid and
 * start time; NULL keeps it in memory only. Errors: INVALID or IO when a kept table can not be read. */
ProcessTable *process_table_new(const char *store_path, GError **error);
/* Leaves the children running. */
void process_table_free(ProcessTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessTable, process_table_free)

/* `config` is a ProcessConfig object. Errors: INVALID, EXISTS (it runs already), UNAVAILABLE (frozen), NOT_FOUND or IO (could
 * not be run; an older entry of this id stays). */
gboolean process_table_deploy(ProcessTable *table, const json_t *config, GError **error);
gboolean process_table_start(ProcessTable *table, const char *id, GError **error);
/* Sends `signal_number` to the process group and returns. When that is not SIGKILL, SIGKILL follows after `grace_ms`. */
gboolean process_table_stop(ProcessTable *table, const char *id, int signal_number, guint grace_ms, GError **error);
gboolean process_table_remove(ProcessTable *table, const char *id, GError **error);
/* An array of ProcessInfo. New reference. */
json_t *process_table_list(ProcessTable *table);
/* One ProcessInfo, or JSON null. New reference. */
json_t *process_table_info(ProcessTable *table, const char *id);
/* Destructive: kills what runs and forgets everything. */
void process_table_clear(ProcessTable *table);
/* Refuses new processes from now on, kills every child and waits up to 9.5 s for their end. Error TIMEOUT. */
gboolean process_table_shutdown(ProcessTable *table, GError **error);
