/* How the VMM finds its VMs again: before it serves, and when it is told to look (spec: vmm 6.6). */
#pragma once

#include "vmm/vmm.h"

/* Cleans up after interrupted calls, loads every VM of run_path, takes up those that run, starts those that should. A VM that
 * can not be loaded or started is logged and listed with its fault. Error only when the supervisor can not be asked. */
gboolean vmm_adopt_all(Vmm *vmm, GError **error);

typedef struct {
  guint loaded, updated, removed;
} ReloadCounts;
/* Looks through run_path again: takes up new VMs, reads known ones anew, forgets those whose files are gone (spec: vmm 4.2
 * ReloadVms). */
gboolean vmm_reload_all(Vmm *vmm, ReloadCounts *counts, GError **error);
