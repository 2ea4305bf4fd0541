/* The log files of a VM: rotated when it starts, and while it runs when they grow too large (spec: vmm 11). */
#pragma once

#include "vmm/vmm.h"

/* Before a start: what earlier runs wrote goes to the backups. Failures are logged: they must not keep a VM down. */
void vm_logs_begin(const VmmConfig *config, Vm *vm);
/* One round over all VMs, for a periodic task; `vmm` is the Vmm. */
void vm_logs_look_after(gpointer vmm);
