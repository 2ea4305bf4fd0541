/* The VMM's side of the supervisor: plain HTTP and JSON (spec: supervisor-and-cli A.2, A.6). Thread-safe. */
#pragma once

#include "vmm/config.h"

#include "base/json.h"

#include <glib.h>

typedef struct SupervisorClient SupervisorClient;

/* Connects, and starts the supervisor in a session of its own when none answers and the configuration says so. */
SupervisorClient *supervisor_client_new(const VmmConfig *config, GError **error);
void supervisor_client_free(SupervisorClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SupervisorClient, supervisor_client_free)

typedef struct {
  char *id, *cwd;
  char *kind, *live_for; /* from its note; "" when absent */
  gboolean appends_serial; /* from its note: QEMU opened serial.log for appending */
  gboolean running;
  gboolean has_cid;
  guint32 cid;
  gint64 started_at, stopped_at; /* Unix seconds, 0: never */
} SupervisedProcess;
void supervised_process_free(SupervisedProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SupervisedProcess, supervised_process_free)

/* Should the supervisor be gone, each call starts a new one (which takes the running processes over) and tries once more. */

/* id -> SupervisedProcess, owned. */
GHashTable *supervisor_client_list(SupervisorClient *client, GError **error);
gboolean supervisor_client_is_running(SupervisorClient *client, const char *id, gboolean *running, GError **error);
/* `config` is a ProcessConfig object. */
gboolean supervisor_client_deploy(SupervisorClient *client, const json_t *config, GError **error);
/* Kills the process and waits for its end. One that is unknown or ended already is no error. */
gboolean supervisor_client_stop(SupervisorClient *client, const char *id, GError **error);
/* As supervisor_client_stop(), and forgets the process. */
gboolean supervisor_client_remove(SupervisorClient *client, const char *id, GError **error);
