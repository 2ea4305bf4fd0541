/* What the guest and its verifiers are told about the VM: vm_config and .sys-config.json (spec: vmm 5.3, 5.4). */
#pragma once

#include "vmm/qemu_args.h"

/* JSON text that describes exactly the VM of `plan`: verifiers recompute its measurements from it. */
char *vm_config_text(const QemuPlan *plan);
/* The whole of .sys-config.json. Holds no trust anchor: the guest would not believe it. */
char *sys_config_text(const QemuPlan *plan, const char *vm_config);
