#include "vmm/lifecycle.h"

#include "vmm/launch.h"
#include "vmm/plan.h"
#include "vmm/vsock_device.h"
#include "vmm/work_dir.h"

#include "base/error.h"
#include "base/log.h"

/* Should it fail, vm_settle() tries again. */
static gboolean kill_processes(Vmm *vmm, Vm *vm, gboolean forget, GError **error) {
  const char *id = vm->manifest->id;
  vm->must_end = TRUE;
  gboolean done = forget ? supervisor_client_remove(vmm->supervisor, id, error)
                         : supervisor_client_stop(vmm->supervisor, id, error);
  if (!done || (vmm_uses_user_vsock(vmm->config) && !vsock_device_stop(vmm, vm, error)))
    return FALSE;
  vsock_device_unlisten(vmm, vm);
  vm->must_end = FALSE;
  return TRUE;
}

/* A start that failed may yet have happened: a supervisor that answers too late has the process all the same. */
static void give_up(Vmm *vmm, Vm *vm) {
  g_autoptr(GError) error = NULL;
  if (!kill_processes(vmm, vm, FALSE, &error))
    log_warn("vm %s: what was started of it could not be ended yet: %s", vm->manifest->id, error->message);
}

static gboolean check_startable(const Vm *vm, GError **error) {
  if (!vm_check_present(vm, error))
    return FALSE;
  if (g_atomic_int_get(&vm->removing))
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "the vm is being removed");
  else if (vm->fault)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the vm can not be loaded: %s", vm->fault);
  else
    return TRUE;
  return FALSE;
}

static gboolean start_locked(Vmm *vmm, Vm *vm, GError **error) {
  gboolean running;
  if (!check_startable(vm, error) || (vm->must_end && !kill_processes(vmm, vm, FALSE, error)) ||
      !supervisor_client_is_running(vmm->supervisor, vm->manifest->id, &running, error))
    return FALSE;
  if (running)
    return work_dir_set_started(vm->work_dir, TRUE, error);
  g_auto(LaunchPlan) plan = {0};
  gboolean started = work_dir_started(vm->work_dir);
  /* Marked first: should we be killed between the two, the VM that runs must not count as stopped. */
  if (!launch_check_orphan(vm, error) || !launch_plan_make(vmm, vm, &plan, error) || !work_dir_set_started(vm->work_dir, TRUE, error))
    return FALSE;
  const char *initial = vm->image->shared_ro ? "booting" : "N/A"; /* older images report nothing */
  vm_set_progress(vm, initial, "", vm->image->shared_ro ? "" : "N/A");
  if (launch_vm(vmm, vm, &plan, error))
    return TRUE;
  give_up(vmm, vm);
  vm_set_progress(vm, "", "", "");
  (void)work_dir_set_started(vm->work_dir, started, NULL); /* the first error is the one to tell */
  return FALSE;
}

gboolean vm_start(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  vm->restart = (RestartState){0};
  if (start_locked(vmm, vm, error))
    return TRUE;
  g_prefix_error(error, "failed to start vm: ");
  return FALSE;
}

gboolean vm_restart(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  return !work_dir_started(vm->work_dir) || start_locked(vmm, vm, error);
}

gboolean vm_stop(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  vm->restart = (RestartState){0};
  return vm_check_present(vm, error) && work_dir_set_started(vm->work_dir, FALSE, error) &&
         kill_processes(vmm, vm, FALSE, error);
}

/* The mark on disk comes first: from then on the removal goes on, whatever fails, by vm_settle() or the next VMM. */
static gboolean forget(Vmm *vmm, Vm *vm, GError **error) {
  g_atomic_int_set(&vm->removing, TRUE);
  if (!work_dir_mark_removing(vm->work_dir, error) || !kill_processes(vmm, vm, TRUE, error) ||
      !work_dir_remove(vm->work_dir, error))
    return FALSE;
  vm->gone = TRUE;
  vm_table_remove(vmm->vms, vm->manifest->id);
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vmm->create_lock);
  if (vm->cid != 0)
    cid_pool_release(vmm->cids, vm->cid);
  return TRUE;
}

gboolean vm_remove(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  gboolean running;
  if (vm->gone)
    return TRUE;
  if (g_atomic_int_get(&vm->removing))
    return forget(vmm, vm, error);
  if (!supervisor_client_is_running(vmm->supervisor, vm->manifest->id, &running, error))
    return FALSE;
  if (!running)
    return forget(vmm, vm, error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "vm is running, stop it first");
  return FALSE;
}

gboolean vm_discard(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  return vm->gone || forget(vmm, vm, error);
}

gboolean vm_settle(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  if (vm->gone)
    return TRUE;
  if (g_atomic_int_get(&vm->removing))
    return forget(vmm, vm, error);
  return !vm->must_end || kill_processes(vmm, vm, FALSE, error);
}

gboolean vm_tidy(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  gboolean running;
  if (!supervisor_client_is_running(vmm->supervisor, vm->manifest->id, &running, error))
    return FALSE;
  if (running || vm->gone)
    return TRUE;
  vsock_device_unlisten(vmm, vm);
  return vsock_device_stop(vmm, vm, error);
}

gboolean vm_adopt(Vmm *vmm, Vm *vm, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->operation);
  vm_set_progress(vm, "running", "", ""); /* how far it really is, its next report tells */
  return vsock_device_listen(vmm, vm, error);
}

/* Without vm->operation: the report comes while a call may be waiting for just this end. */
gboolean vm_note_power_off(Vm *vm, GError **error) { return work_dir_set_started(vm->work_dir, FALSE, error); }
