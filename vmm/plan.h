/* Decides how a VM is run on this host, before anything is written or started. */
#pragma once

#include "vmm/mr_config_id.h"
#include "vmm/qemu_args.h"
#include "vmm/vmm.h"

typedef struct {
  QemuPlan qemu; /* borrows from the VM, the configuration and the fields below */
  char *mr_config_id_base64;                 /* NULL when it is not used */
  guint8 mr_config_id[MR_CONFIG_ID_SIZE];    /* zero when it is not used */
} LaunchPlan;

/* Errors: INVALID (an image or instance file this VM can not be run with), UNAVAILABLE (the host lacks what it takes). */
gboolean launch_plan_make(Vmm *vmm, Vm *vm, LaunchPlan *plan, GError **error);
void launch_plan_clear(LaunchPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LaunchPlan, launch_plan_clear)

/* TRUE when VMs here get a simulated TEE instead of a real one. */
gboolean vmm_simulates_tee(const VmmConfig *config);
/* TRUE when VMs here have a vsock device of user space. */
gboolean vmm_uses_user_vsock(const VmmConfig *config);
