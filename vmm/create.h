/* CreateVm: everything is checked before anything is written, and what was made is undone when the start fails
 * (spec: vmm 4.2). */
#pragma once

#include "vmm/vmm.h"

#include "vmm.pb-c.h"

/* Returns the id of the new VM. */
char *vm_create(Vmm *vmm, const Vmm__VmConfiguration *request, GError **error);
/* The checks of GetComposeHash: name and compose file. */
gboolean vm_create_check_compose(const Vmm__VmConfiguration *request, GError **error);
