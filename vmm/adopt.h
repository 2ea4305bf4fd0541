/* What the VMM does before it serves: finds its VMs again (spec: vmm 6.6). */
#pragma once

#include "vmm/vmm.h"

/* Cleans up after interrupted calls, loads every VM of run_path, takes up those that run, starts those that should. A VM that
 * can not be loaded or started is logged and left as it is. Error only when the supervisor can not be asked. */
gboolean vmm_adopt_all(Vmm *vmm, GError **error);
