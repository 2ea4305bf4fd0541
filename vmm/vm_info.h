/* VmInfo: what clients are told about a VM (spec: vmm 4.2). */
#pragma once

#include "vmm/vmm.h"

#include "vmm.pb-c.h"

/* `process` is the supervisor's entry of this VM, or NULL. `brief` leaves the configuration out. Owned by the caller: put it
 * into a response or free it with prpc_message_free(). */
Vmm__VmInfo *vm_info_new(Vmm *vmm, Vm *vm, const SupervisedProcess *process, gboolean brief);
/* Where the app answers, or NULL when it has no gateway or no instance id yet. */
char *vm_app_url(const VmmConfig *config, Vm *vm, const char *instance_id);
