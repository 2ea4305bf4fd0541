#include "vmm/vm.h"

#include "base/error.h"

Vm *vm_new(Manifest *manifest, VmmImage *image, AppCompose *compose, const char *run_path, guint32 cid) {
  Vm *vm = g_new0(Vm, 1);
  g_atomic_ref_count_init(&vm->refs);
  g_mutex_init(&vm->operation);
  g_mutex_init(&vm->lock);
  vm->manifest = manifest;
  vm->image = image;
  vm->compose = compose;
  vm->work_dir = g_build_filename(run_path, manifest->id, NULL);
  vm->cid = cid;
  vm->progress = (VmProgress){g_strdup(""), g_strdup(""), g_strdup("")};
  g_queue_init(&vm->events);
  return vm;
}

Vm *vm_ref(Vm *vm) {
  g_atomic_ref_count_inc(&vm->refs);
  return vm;
}

static void event_free(gpointer data) {
  VmEvent *event = data;
  g_free(event->name);
  g_free(event->body);
  g_free(event);
}

void vm_unref(Vm *vm) {
  if (!vm || !g_atomic_ref_count_dec(&vm->refs))
    return;
  manifest_free(vm->manifest);
  vmm_image_free(vm->image);
  app_compose_free(vm->compose);
  g_free(vm->fault);
  g_free(vm->work_dir);
  vm_progress_clear(&vm->progress);
  g_queue_clear_full(&vm->events, event_free);
  g_mutex_clear(&vm->operation);
  g_mutex_clear(&vm->lock);
  g_free(vm);
}

gboolean vm_check_present(const Vm *vm, GError **error) {
  if (!vm->gone)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "vm not found: it was removed or changed just now");
  return FALSE;
}

void vm_pass_state(Vm *vm, Vm *heir) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->lock);
  VmProgress blank = heir->progress;
  heir->progress = vm->progress;
  vm->progress = blank;
  heir->events = vm->events;
  g_queue_init(&vm->events);
  heir->host_api_listener = vm->host_api_listener;
  heir->restart = vm->restart;
  heir->must_end = vm->must_end;
  heir->removing = g_atomic_int_get(&vm->removing);
  vm->host_api_listener = 0;
  vm->gone = TRUE;
}

static void replace(char **field, const char *value) {
  if (!value)
    return;
  g_free(*field);
  *field = g_strdup(value);
}

void vm_set_progress(Vm *vm, const char *boot_progress, const char *boot_error, const char *shutdown_progress) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->lock);
  replace(&vm->progress.boot_progress, boot_progress);
  replace(&vm->progress.boot_error, boot_error);
  replace(&vm->progress.shutdown_progress, shutdown_progress);
}

VmProgress vm_progress(Vm *vm) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->lock);
  return (VmProgress){g_strdup(vm->progress.boot_progress), g_strdup(vm->progress.boot_error),
                      g_strdup(vm->progress.shutdown_progress)};
}

void vm_progress_clear(VmProgress *progress) {
  g_clear_pointer(&progress->boot_progress, g_free);
  g_clear_pointer(&progress->boot_error, g_free);
  g_clear_pointer(&progress->shutdown_progress, g_free);
}

void vm_add_event(Vm *vm, const char *name, const char *body, guint max) {
  VmEvent *event = g_new(VmEvent, 1);
  *event = (VmEvent){g_strdup(name), g_strdup(body), (guint64)(g_get_real_time() / 1000)};
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vm->lock);
  g_queue_push_tail(&vm->events, event);
  while (g_queue_get_length(&vm->events) > max)
    event_free(g_queue_pop_head(&vm->events));
}

const char *vm_status(gboolean removing, gboolean started, gboolean running) {
  if (removing)
    return "removing";
  if (running)
    return started ? "running" : "stopping";
  return started ? "exited" : "stopped";
}
