/* Looks after VMs which ended by themselves, and goes on with what failed before (spec: vmm 6.5). With cvm.auto_restart.enabled =
 * false it only clears away what such a VM leaves running. */
#pragma once

#include "vmm/vmm.h"

/* One round, for a periodic task; `vmm` is the Vmm. */
void auto_restart_look_after(gpointer vmm);
