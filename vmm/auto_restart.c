#include "vmm/auto_restart.h"

#include "vmm/lifecycle.h"
#include "vmm/work_dir.h"

#include "base/log.h"

#define EVENT_EXHAUSTED "vmm.auto_restart.exhausted"

static void say_exhausted(Vmm *vmm, Vm *vm) {
  g_autofree char *body = g_strdup_printf("Automatic restart stopped after %u failed attempts", vm->restart.attempts);
  vm_add_event(vm, EVENT_EXHAUSTED, body, vmm->config->event_buffer_size);
  log_warn("vm %s: automatic restart stopped after %u failed attempts", vm->manifest->id, vm->restart.attempts);
}

/* The backend of a guest that powered off by itself has nobody to serve any more. */
static void tidy(Vmm *vmm, Vm *vm, GHashTable *processes) {
  g_autofree char *id = g_strconcat("vsock-", vm->manifest->id, NULL);
  const SupervisedProcess *device = g_hash_table_lookup(processes, id);
  g_autoptr(GError) error = NULL;
  if (device && device->running && !vm_tidy(vmm, vm, &error))
    log_warn("vm %s: %s", vm->manifest->id, error->message);
}

static void settle(Vmm *vmm, Vm *vm) {
  g_autoptr(GError) error = NULL;
  if (!vm_settle(vmm, vm, &error))
    log_warn("vm %s: %s", vm->manifest->id, error->message);
}

static void look_after(Vmm *vmm, Vm *vm, gboolean running, gint64 now) {
  const VmmConfig *config = vmm->config;
  const RestartLimits limits = {config->restart_max_retries, config->restart_initial_backoff, config->restart_max_backoff,
                                config->restart_reset_window};
  g_mutex_lock(&vm->operation);
  RestartDecision decision = RESTART_WAIT;
  if (vm->gone || vm->fault || !work_dir_started(vm->work_dir))
    vm->restart = (RestartState){0};
  else if (running)
    restart_policy_running(&vm->restart, &limits, now);
  else
    decision = restart_policy_exited(&vm->restart, &limits, now);
  if (decision == RESTART_EXHAUSTED)
    say_exhausted(vmm, vm);
  g_mutex_unlock(&vm->operation);
  if (decision != RESTART_NOW)
    return;
  g_autoptr(GError) error = NULL;
  log_info("vm %s ended by itself: starting it again", vm->manifest->id);
  if (!vm_restart(vmm, vm, &error))
    log_warn("vm %s: %s", vm->manifest->id, error->message);
}

void auto_restart_look_after(gpointer data) {
  Vmm *vmm = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, &error);
  if (!processes) {
    log_warn("automatic restart: %s", error->message);
    return;
  }
  gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
  g_autoptr(GPtrArray) vms = vm_table_list(vmm->vms);
  for (guint i = 0; i < vms->len; i++) {
    Vm *vm = vms->pdata[i];
    settle(vmm, vm);
    const SupervisedProcess *process = g_hash_table_lookup(processes, vm->manifest->id);
    gboolean running = process && process->running;
    if (!running)
      tidy(vmm, vm, processes);
    if (vmm->config->auto_restart)
      look_after(vmm, vm, running, now);
  }
}
