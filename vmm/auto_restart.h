/* The task that looks after VMs which ended by themselves (spec: vmm 6.5). With cvm.auto_restart.enabled = false it only clears
 * away what such a VM leaves running. */
#pragma once

#include "vmm/vmm.h"

typedef struct AutoRestart AutoRestart;

AutoRestart *auto_restart_start(Vmm *vmm);
/* Waits for a round that is under way. */
void auto_restart_stop(AutoRestart *task);
