#include "vmm/load.h"

#include "vmm/work_dir.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

/* What a VM's directory and image say. */
typedef struct {
  Manifest *manifest;
  VmmImage *image;
  AppCompose *compose;
} Parts;

static void parts_clear(Parts *parts) {
  g_clear_pointer(&parts->manifest, manifest_free);
  g_clear_pointer(&parts->image, vmm_image_free);
  g_clear_pointer(&parts->compose, app_compose_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parts, parts_clear)

/* On error `parts` keeps what could be read. */
static gboolean read_parts(Vmm *vmm, const char *id, Parts *parts, GError **error) {
  g_autofree char *dir = work_dir_file(vmm->config->run_path, id);
  g_autoptr(Manifest) manifest = work_dir_manifest(dir, error);
  if (!manifest)
    return FALSE;
  if (strcmp(manifest->id, id) != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the manifest in %s is of another vm", dir);
    return FALSE;
  }
  parts->manifest = g_steal_pointer(&manifest);
  g_autofree char *text = work_dir_compose(dir, error);
  parts->compose = text ? vmm_compose_parse(text, error) : NULL;
  parts->image = parts->compose ? vmm_image_load(vmm->config->image_path, parts->manifest->image, error) : NULL;
  return parts->image != NULL;
}

/* Under create_lock. */
static Vm *register_vm(Vmm *vmm, Parts *parts, guint32 cid) {
  Vm *vm = vm_new(g_steal_pointer(&parts->manifest), g_steal_pointer(&parts->image), g_steal_pointer(&parts->compose),
                  vmm->config->run_path, cid);
  vm_table_add(vmm->vms, vm);
  return vm;
}

Vm *vm_load(Vmm *vmm, const char *id, GError **error) {
  g_auto(Parts) parts = {0};
  guint32 cid;
  return read_parts(vmm, id, &parts, error) && cid_pool_take(vmm->cids, &cid, error) ? register_vm(vmm, &parts, cid) : NULL;
}

static Manifest *nameless_manifest(const char *id) {
  Manifest *manifest = manifest_new();
  manifest->id = g_strdup(id);
  manifest->name = g_strdup(id);
  manifest->app_id = g_strdup("");
  manifest->image = g_strdup("");
  return manifest;
}

Vm *vm_load_left(Vmm *vmm, const char *id, guint32 cid) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vmm->create_lock);
  g_autofree char *dir = work_dir_file(vmm->config->run_path, id);
  g_auto(Parts) parts = {0};
  g_autoptr(GError) reason = NULL;
  Vm *vm = vm_table_find(vmm->vms, id, NULL);
  if (vm || !work_dir_is_of_vm(dir))
    return vm; /* one that was made just now is no left-over */
  if (read_parts(vmm, id, &parts, &reason) && cid == 0)
    (void)cid_pool_take(vmm->cids, &cid, &reason); /* it stays 0, which no guest has */
  if (!parts.manifest)
    parts.manifest = nameless_manifest(id);
  vm = register_vm(vmm, &parts, cid);
  if (!reason)
    return vm;
  log_error("failed to load vm %s: %s", id, reason->message);
  vm->fault = g_strdup(reason->message);
  return vm;
}

Vm *vm_reload(Vmm *vmm, Vm *vm, GError **error) {
  g_auto(Parts) parts = {0};
  G_GNUC_UNUSED g_autoptr(GMutexLocker) operation = g_mutex_locker_new(&vm->operation);
  if (!vm_check_present(vm, error) || !read_parts(vmm, vm->manifest->id, &parts, error))
    return NULL;
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&vmm->create_lock);
  guint32 cid = vm->cid;
  if (cid == 0 && !cid_pool_take(vmm->cids, &cid, error))
    return NULL;
  Vm *fresh = register_vm(vmm, &parts, cid);
  vm_pass_state(vm, fresh);
  return fresh;
}
