/* When a VM that ended by itself is started again (spec: vmm 6.5). Pure: the caller brings the clock. */
#pragma once

#include <glib.h>

typedef struct {
  guint max_retries, initial_backoff, max_backoff, reset_window; /* seconds */
} RestartLimits;

/* Zero-filled is the state of a VM that was never seen to have exited. Times in seconds of any one clock, never 0. */
typedef struct {
  guint attempts;
  gint64 retry_at;      /* 0: no retry is planned */
  gint64 running_since; /* 0: not running */
  gboolean exhausted;
} RestartState;

typedef enum { RESTART_WAIT, RESTART_NOW, RESTART_EXHAUSTED } RestartDecision;

/* A sample of a VM that should run and does not. RESTART_EXHAUSTED is said once. */
RestartDecision restart_policy_exited(RestartState *state, const RestartLimits *limits, gint64 now);
/* A sample of a VM that runs. */
void restart_policy_running(RestartState *state, const RestartLimits *limits, gint64 now);
