/* Turns a plan into running processes. */
#pragma once

#include "vmm/plan.h"
#include "vmm/vmm.h"

/* Writes what the guest reads, makes the data disk if there is none yet, and deploys the processes. On error none of them is
 * left running. Under vm->operation. */
gboolean launch_vm(Vmm *vmm, Vm *vm, const LaunchPlan *plan, GError **error);
/* Error EXISTS when a QEMU of this VM runs that the supervisor does not know. */
gboolean launch_check_orphan(Vm *vm, GError **error);
