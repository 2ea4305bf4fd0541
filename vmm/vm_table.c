#include "vmm/vm_table.h"

#include "vmm/names.h"

#include "base/error.h"

#include <string.h>

struct VmTable {
  GMutex lock;
  GHashTable *by_id; /* id, borrowed from the manifest -> Vm */
};

VmTable *vm_table_new(void) {
  VmTable *table = g_new0(VmTable, 1);
  g_mutex_init(&table->lock);
  table->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)vm_unref);
  return table;
}

void vm_table_free(VmTable *table) {
  if (!table)
    return;
  g_hash_table_unref(table->by_id);
  g_mutex_clear(&table->lock);
  g_free(table);
}

void vm_table_add(VmTable *table, Vm *vm) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  g_hash_table_replace(table->by_id, vm->manifest->id, vm_ref(vm));
}

void vm_table_remove(VmTable *table, const char *id) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  g_hash_table_remove(table->by_id, id);
}

static Vm *not_found(GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "vm not found");
  return NULL;
}

Vm *vm_table_find(VmTable *table, const char *id, GError **error) {
  if (!name_check_vm_id(id, error))
    return NULL;
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  Vm *vm = g_hash_table_lookup(table->by_id, id);
  return vm ? vm_ref(vm) : not_found(error);
}

Vm *vm_table_find_cid(VmTable *table, guint32 cid, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  GHashTableIter iter;
  gpointer vm;
  g_hash_table_iter_init(&iter, table->by_id);
  while (g_hash_table_iter_next(&iter, NULL, &vm))
    if (((Vm *)vm)->cid == cid)
      return vm_ref(vm);
  return not_found(error);
}

static gint by_age(gconstpointer a, gconstpointer b) {
  const Manifest *first = (*(const Vm *const *)a)->manifest, *second = (*(const Vm *const *)b)->manifest;
  if (first->created_at_ms != second->created_at_ms)
    return first->created_at_ms < second->created_at_ms ? -1 : 1;
  return strcmp(first->id, second->id);
}

GPtrArray *vm_table_list(VmTable *table) {
  GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)vm_unref);
  g_mutex_lock(&table->lock);
  GHashTableIter iter;
  gpointer vm;
  g_hash_table_iter_init(&iter, table->by_id);
  while (g_hash_table_iter_next(&iter, NULL, &vm))
    g_ptr_array_add(list, vm_ref(vm));
  g_mutex_unlock(&table->lock);
  g_ptr_array_sort(list, by_age);
  return list;
}
