#include "vmm/adopt.h"

#include "vmm/create.h"
#include "vmm/lifecycle.h"
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

static void load_one(Vmm *vmm, const char *id, GHashTable *processes) {
  g_autoptr(GError) error = NULL;
  const SupervisedProcess *process = g_hash_table_lookup(processes, id);
  gboolean kept_cid = process && process->has_cid && is_ours(vmm, process);
  g_autoptr(Vm) vm = vm_load(vmm, id, kept_cid ? process->cid : 0, &error);
  if (!vm) {
    log_error("failed to load vm %s: %s", id, error->message);
    return;
  }
  gboolean done = TRUE;
  if (process && process->running)
    done = vm_adopt(vmm, vm, &error);
  else if (work_dir_started(vm->work_dir))
    done = vm_restart(vmm, vm, &error);
  if (!done)
    log_error("vm %s: %s", id, error->message);
  else
    log_info("vm %s (%s) is %s", id, vm->manifest->name, process && process->running ? "running" : "known");
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
  const char *run_path = vmm->config->run_path;
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, error);
  if (!processes)
    return FALSE;
  work_dir_clean_up(run_path);
  reserve_cids(vmm, processes);
  g_autoptr(GDir) entries = g_dir_open(run_path, 0, NULL);
  const char *name;
  while (entries && (name = g_dir_read_name(entries))) {
    g_autofree char *dir = work_dir_file(run_path, name);
    if (name_check_vm_id(name, NULL) && g_file_test(dir, G_FILE_TEST_IS_DIR))
      load_one(vmm, name, processes);
  }
  remove_orphans(vmm, processes);
  return TRUE;
}
