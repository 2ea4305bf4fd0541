/* Takes up a VM from its work directory (spec: vmm 6.2). */
#pragma once

#include "vmm/vmm.h"

/* Registers a VM whose work directory was just made. Under create_lock. A new reference. Nothing is registered on error. */
Vm *vm_load(Vmm *vmm, const char *id, GError **error);
/* Takes up what an earlier run left, with a given CID (0: a free one). A VM that can not be loaded is registered too, with the
 * reason in its `fault`, so that it can be seen, stopped and removed. A new reference; NULL when the directory is none of a VM. */
Vm *vm_load_left(Vmm *vmm, const char *id, guint32 cid);
/* Reads a known VM anew: its context id, state and listener pass to the object that takes the table's place of `vm`, which is
 * `gone` then. A new reference. On error all stays as it was. */
Vm *vm_reload(Vmm *vmm, Vm *vm, GError **error);
