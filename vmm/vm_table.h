/* Every VM the VMM knows, by id and by context id. Thread-safe. */
#pragma once

#include "vmm/vm.h"

#include <glib.h>

typedef struct VmTable VmTable;

VmTable *vm_table_new(void);
void vm_table_free(VmTable *table);

void vm_table_add(VmTable *table, Vm *vm);
void vm_table_remove(VmTable *table, const char *id);
/* A new reference. Error INVALID (no id at all) or NOT_FOUND "vm not found". */
Vm *vm_table_find(VmTable *table, const char *id, GError **error);
Vm *vm_table_find_cid(VmTable *table, guint32 cid, GError **error);
/* New references, the oldest VM first. */
GPtrArray *vm_table_list(VmTable *table);
