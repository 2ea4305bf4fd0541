#include "vmm/adopt.h"

#include "vmm/lifecycle.h"
#include "vmm/load.h"
#include "vmm/names.h"
#include "vmm/work_dir.h"

#include "base/log.h"

#include <string.h>

/* Ours is what was deployed with a working directory right below our run_path: several VMMs may share a supervisor. */
static gboolean is_ours(Vmm *vmm, const SupervisedProcess *process) {
  g_autofree char *parent = g_path_get_dirname(process->cwd);
  return strcmp(parent, vmm->config->run_path) == 0 &&
         (strcmp(process->kind, "cvm") == 0 || strcmp(process->kind, "vsock") == 0);
}

static void reserve_cids(Vmm *vmm, GHashTable *processes) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, processes);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    SupervisedProcess *process = value;
    if (!process->has_cid || *process->live_for || (*process->kind && strcmp(process->kind, "cvm") != 0))
      continue;
    if (!cid_pool_reserve(vmm->cids, process->cid))
      log_warn("cid %u of process %s is taken by another one too", process->cid, process->id);
  }
}

/* Takes up a VM whose process runs, and starts one that should run. */
static void resume(Vmm *vmm, Vm *vm, const SupervisedProcess *process) {
  g_autoptr(GError) error = NULL;
  gboolean done = TRUE, running = process && process->running;
  if (running)
    done = vm_adopt(vmm, vm, &error);
  else if (work_dir_started(vm->work_dir))
    done = vm_restart(vmm, vm, &error);
  if (!done)
    log_error("vm %s: %s", vm->manifest->id, error->message);
  else
    log_info("vm %s (%s) is %s", vm->manifest->id, vm->manifest->name, running ? "running" : "known");
}

/* TRUE when it is a VM that was not known. */
static gboolean take_up(Vmm *vmm, const char *id, GHashTable *processes) {
  const SupervisedProcess *process = g_hash_table_lookup(processes, id);
  gboolean kept_cid = process && process->has_cid && is_ours(vmm, process);
  g_autoptr(Vm) vm = vm_load_left(vmm, id, kept_cid ? process->cid : 0);
  if (vm)
    resume(vmm, vm, process);
  return vm != NULL;
}

/* The names of run_path's directories that may be a VM's id. */
static GPtrArray *list_ids(const char *run_path) {
  GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GDir) entries = g_dir_open(run_path, 0, NULL);
  const char *name;
  while (entries && (name = g_dir_read_name(entries))) {
    g_autofree char *dir = work_dir_file(run_path, name);
    if (name_check_vm_id(name, NULL) && g_file_test(dir, G_FILE_TEST_IS_DIR))
      g_ptr_array_add(ids, g_strdup(name));
  }
  return ids;
}

/* Processes of VMs whose files are gone: nobody else would ever end them. */
static void remove_orphans(Vmm *vmm, GHashTable *processes) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, processes);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    SupervisedProcess *process = value;
    g_autoptr(GError) error = NULL;
    if (!is_ours(vmm, process) || g_file_test(process->cwd, G_FILE_TEST_EXISTS))
      continue;
    log_warn("process %s has no work directory any more: it is removed", process->id);
    if (!supervisor_client_remove(vmm->supervisor, process->id, &error))
      log_error("%s", error->message);
  }
}

gboolean vmm_adopt_all(Vmm *vmm, GError **error) {
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, error);
  if (!processes)
    return FALSE;
  work_dir_clean_up(vmm->config->run_path);
  reserve_cids(vmm, processes);
  g_autoptr(GPtrArray) ids = list_ids(vmm->config->run_path);
  for (guint i = 0; i < ids->len; i++)
    (void)take_up(vmm, ids->pdata[i], processes); /* here all are new */
  remove_orphans(vmm, processes);
  return TRUE;
}

/* ---- again, while serving ---- */

/* TRUE when it was read anew. */
static gboolean refresh(Vmm *vmm, Vm *vm, GHashTable *processes) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Vm) fresh = vm_reload(vmm, vm, &error);
  if (!fresh) {
    log_error("failed to load vm %s: %s", vm->manifest->id, error->message);
    return FALSE;
  }
  if (!g_hash_table_contains(processes, vm->manifest->id))
    resume(vmm, fresh, NULL);
  return TRUE;
}

static gboolean discard_vanished(Vmm *vmm, Vm *vm) {
  g_autoptr(GError) error = NULL;
  if (g_file_test(vm->work_dir, G_FILE_TEST_EXISTS))
    return FALSE;
  log_warn("the files of vm %s are gone: it is removed", vm->manifest->id);
  if (!vm_discard(vmm, vm, &error))
    log_warn("vm %s: %s", vm->manifest->id, error->message); /* the restart task goes on with it */
  return TRUE;
}

gboolean vmm_reload_all(Vmm *vmm, ReloadCounts *counts, GError **error) {
  *counts = (ReloadCounts){0};
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, error);
  if (!processes)
    return FALSE;
  g_autoptr(GPtrArray) known = vm_table_list(vmm->vms);
  for (guint i = 0; i < known->len; i++)
    if (discard_vanished(vmm, known->pdata[i]))
      counts->removed++;
    else
      counts->updated += refresh(vmm, known->pdata[i], processes) ? 1 : 0;
  g_autoptr(GPtrArray) ids = list_ids(vmm->config->run_path);
  for (guint i = 0; i < ids->len; i++) {
    g_autoptr(Vm) vm = vm_table_find(vmm->vms, ids->pdata[i], NULL);
    counts->loaded += !vm && take_up(vmm, ids->pdata[i], processes) ? 1 : 0;
  }
  return TRUE;
}
