/* Start, stop and removal of VMs that are known (spec: vmm 6.3, 6.4). */
#pragma once

#include "vmm/vmm.h"

/* Starts a VM, unless it runs already. On error nothing of it runs, and whether it is meant to run is as before. */
gboolean vm_start(Vmm *vmm, Vm *vm, GError **error);
/* As vm_start() for the restart task: it counts tries itself, and gives up when the VM is no longer meant to run. */
gboolean vm_restart(Vmm *vmm, Vm *vm, GError **error);
/* Kills it; returns when it has ended. */
gboolean vm_stop(Vmm *vmm, Vm *vm, GError **error);
/* Forgets a VM that does not run, and deletes its files. Error EXISTS "vm is running, stop it first". */
gboolean vm_remove(Vmm *vmm, Vm *vm, GError **error);
/* Undoes a creation that failed half-way: like a removal that first kills. Errors are logged. */
void vm_discard(Vmm *vmm, Vm *vm);

/* Ends what is left of a VM that ended by itself; does nothing when it runs. */
gboolean vm_tidy(Vmm *vmm, Vm *vm, GError **error);
/* Takes up a VM whose QEMU runs: the Host API answers its guest again. */
gboolean vm_adopt(Vmm *vmm, Vm *vm, GError **error);
/* Notes that the guest said it powers off: it will not be started again by itself. */
gboolean vm_note_power_off(Vm *vm, GError **error);
