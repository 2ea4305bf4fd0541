#include "vmm/vm_logs.h"

#include "vmm/log_rotate.h"
#include "vmm/work_dir.h"

#include "base/log.h"

#include <string.h>

#define SERIAL_LOG "serial.log"

static const char *const log_names[] = {SERIAL_LOG, "stdout.log", "stderr.log", "vsock.log"};

static LogLimits limits_of(const VmmConfig *config) { return (LogLimits){config->log_max_bytes, config->log_max_backups}; }

void vm_logs_begin(const VmmConfig *config, Vm *vm) {
  LogLimits limits = limits_of(config);
  for (guint i = 0; i < G_N_ELEMENTS(log_names); i++) {
    g_autofree char *path = work_dir_file(vm->work_dir, log_names[i]);
    g_autoptr(GError) error = NULL;
    if (!log_rotate(path, &limits, &error) || !log_note_boot(path, &error))
      log_warn("vm %s: %s", vm->manifest->id, error->message);
  }
}

/* QEMU started by an older VMM writes where it last wrote: emptying its file would only make a hole. */
static gboolean may_rotate(Vmm *vmm, Vm *vm, const char *name) {
  if (strcmp(name, SERIAL_LOG) != 0)
    return TRUE;
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, NULL);
  const SupervisedProcess *process = processes ? g_hash_table_lookup(processes, vm->manifest->id) : NULL;
  return process && (process->appends_serial || !process->running);
}

static void look_after(Vmm *vmm, Vm *vm, const LogLimits *limits) {
  for (guint i = 0; i < G_N_ELEMENTS(log_names); i++) {
    g_autofree char *path = work_dir_file(vm->work_dir, log_names[i]);
    g_autoptr(GError) error = NULL;
    if (log_is_too_large(path, limits) && may_rotate(vmm, vm, log_names[i]) && !log_rotate(path, limits, &error))
      log_warn("vm %s: %s", vm->manifest->id, error->message);
  }
}

void vm_logs_look_after(gpointer data) {
  Vmm *vmm = data;
  LogLimits limits = limits_of(vmm->config);
  g_autoptr(GPtrArray) vms = vm_table_list(vmm->vms);
  for (guint i = 0; i < vms->len; i++) {
    Vm *vm = vms->pdata[i];
    if (!g_mutex_trylock(&vm->operation))
      continue; /* it is being started or removed: next time */
    if (!vm->gone)
      look_after(vmm, vm, &limits);
    g_mutex_unlock(&vm->operation);
  }
}
