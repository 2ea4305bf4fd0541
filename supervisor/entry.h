/* One line of the process table: what was asked for, and what became of it. */
#pragma once

#include "supervisor/child.h"
#include "supervisor/process_config.h"

#include <glib.h>

typedef enum { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_EXITED, PROCESS_ERROR } ProcessStatus;

typedef struct {
  gatomicrefcount refs; /* the table, and the watch of a running child */
  ProcessConfig *config;
  ProcessStatus status;
  int wait_status;   /* with PROCESS_EXITED */
  char *error_text;  /* with PROCESS_ERROR */
  gboolean started;  /* from a start until an explicit stop */
  gboolean stopping; /* a stop is under way */
  Child child;       /* the last one; pid -1 before the first */
  gint64 started_at, stopped_at; /* Unix seconds; 0: never */
} ProcessEntry;

/* Takes the config. */
ProcessEntry *process_entry_new(ProcessConfig *config);
ProcessEntry *process_entry_ref(ProcessEntry *entry);
void process_entry_unref(ProcessEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessEntry, process_entry_unref)

void process_entry_set_running(ProcessEntry *entry, const Child *child);
/* Notes the child's end, which waitpid() reported (`reaped`) or only its pidfd did. */
void process_entry_set_ended(ProcessEntry *entry, gboolean reaped, int wait_status);

/* ProcessInfo (spec A.2). New reference. */
json_t *process_entry_info(const ProcessEntry *entry);
/* ProcessInfo and what it takes to find the process again, for the kept table. New reference. */
json_t *process_entry_to_record(const ProcessEntry *entry);
/* The other way. A process that still runs is taken over (`same_boot` says whether pids can still mean anything), one that
 * ended unseen becomes an error entry. */
ProcessEntry *process_entry_from_record(const json_t *record, gboolean same_boot, GError **error);
