/* From the description of a VM to the machine QEMU builds: defaults by version, limits, refusals (spec: measurement 1).
 */
#pragma once

#include "acpi.h"
#include "measure.h"

typedef struct {
  AcpiMachine acpi;
  gboolean two_pass;       /* all pages of a firmware section are added before any is measured */
  gboolean patches_kernel; /* QEMU writes into the kernel's header before the guest sees it */
} Machine;

/* Error INVALID: a shape that is out of bounds or can not be predicted. */
gboolean machine_describe(const MeasureVm *vm, Machine *out, GError **error);
/* Error INVALID for a firmware layout whose boot events are not known. NULL: fine. */
gboolean machine_check_ovmf(const char *variant, GError **error);

/* Fills rtmr[] from the boot log. */
gboolean measurements_replay(Measurements *measurements, GError **error);
