/* Start, stop and removal of VMs that are known (spec: vmm 6.3, 6.4). */
#pragma once

#include "vmm/vmm.h"

/* Starts a VM, unless it runs already. On error nothing of it runs, and whether it is meant to run is as before. */
gboolean vm_start(Vmm *vmm, Vm *vm, GError **error);
/* As vm_start() for the restart task: it counts tries itself, and gives up when the VM is no longer meant to run. */
gboolean vm_restart(Vmm *vmm, Vm *vm, GError **error);
/* Kills it; returns when it has ended. */
gboolean vm_stop(Vmm *vmm, Vm *vm, GError **error);
/* Forgets a VM that does not run, and deletes its files. Error EXISTS "vm is running, stop it first".
 * Should it fail later than that, vm_settle() goes on with it. */
gboolean vm_remove(Vmm *vmm, Vm *vm, GError **error);
/* As vm_remove(), but kills it first: for a creation that failed half-way, and for a VM whose files are gone. */
gboolean vm_discard(Vmm *vmm, Vm *vm, GError **error);
/* Goes on with a removal or an end that failed before. Nothing to do is no error. */
gboolean vm_settle(Vmm *vmm, Vm *vm, GError **error);

/* Ends what is left of a VM that ended by itself; does nothing when it runs. */
gboolean vm_tidy(Vmm *vmm, Vm *vm, GError **error);
/* Takes up a VM whose QEMU runs: the Host API answers its guest again. */
gboolean vm_adopt(Vmm *vmm, Vm *vm, GError **error);
/* Notes that the guest said it powers off: it will not be started again by itself. */
gboolean vm_note_power_off(Vm *vm, GError **error);
