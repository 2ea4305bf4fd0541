#include "vmm/auto_restart.h"

#include "vmm/lifecycle.h"
#include "vmm/work_dir.h"

#include "base/log.h"

#define EVENT_EXHAUSTED "vmm.auto_restart.exhausted"

struct AutoRestart {
  Vmm *vmm;
  GThread *thread;
  GMutex lock;
  GCond wake;
  gboolean stopping;
};

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

static void look_after_all(Vmm *vmm) {
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

static gpointer run(gpointer data) {
  AutoRestart *task = data;
  g_mutex_lock(&task->lock);
  while (!task->stopping) {
    gint64 next = g_get_monotonic_time() + (gint64)task->vmm->config->restart_interval * G_USEC_PER_SEC;
    while (!task->stopping && g_cond_wait_until(&task->wake, &task->lock, next))
      ;
    if (task->stopping)
      break;
    g_mutex_unlock(&task->lock);
    look_after_all(task->vmm);
    g_mutex_lock(&task->lock);
  }
  g_mutex_unlock(&task->lock);
  return NULL;
}

AutoRestart *auto_restart_start(Vmm *vmm) {
  AutoRestart *task = g_new0(AutoRestart, 1);
  task->vmm = vmm;
  g_mutex_init(&task->lock);
  g_cond_init(&task->wake);
  task->thread = g_thread_new("auto-restart", run, task);
  return task;
}

void auto_restart_stop(AutoRestart *task) {
  if (!task)
    return;
  g_mutex_lock(&task->lock);
  task->stopping = TRUE;
  g_cond_signal(&task->wake);
  g_mutex_unlock(&task->lock);
  g_thread_join(task->thread);
  g_mutex_clear(&task->lock);
  g_cond_clear(&task->wake);
  g_free(task);
}
