#include "vmm/restart_policy.h"

#define MAX_DOUBLINGS 30

static gint64 delay_after(const RestartLimits *limits, guint attempts) {
  guint64 delay = (guint64)limits->initial_backoff << MIN(attempts, MAX_DOUBLINGS);
  return (gint64)MIN(delay, limits->max_backoff);
}

RestartDecision restart_policy_exited(RestartState *state, const RestartLimits *limits, gint64 now) {
  state->running_since = 0;
  if (state->exhausted)
    return RESTART_WAIT;
  if (state->attempts >= limits->max_retries) {
    state->exhausted = TRUE;
    return RESTART_EXHAUSTED;
  }
  if (state->retry_at == 0)
    state->retry_at = now + limits->initial_backoff;
  if (now < state->retry_at)
    return RESTART_WAIT;
  state->attempts++;
  state->retry_at = now + delay_after(limits, state->attempts);
  return RESTART_NOW;
}

void restart_policy_running(RestartState *state, const RestartLimits *limits, gint64 now) {
  if (state->running_since == 0)
    state->running_since = now;
  if (now - state->running_since >= limits->reset_window)
    *state = (RestartState){.running_since = state->running_since};
}
