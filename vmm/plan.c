#include "vmm/plan.h"

#include "vmm/work_dir.h"

#include "base/error.h"

#include <unistd.h>

#define VHOST_VSOCK_DEVICE "/dev/vhost-vsock"

void launch_plan_clear(LaunchPlan *plan) { g_clear_pointer(&plan->mr_config_id_base64, g_free); }

gboolean vmm_uses_user_vsock(const VmmConfig *config) {
  if (config->vsock == VSOCK_AUTO)
    return access(VHOST_VSOCK_DEVICE, R_OK | W_OK) != 0;
  return config->vsock == VSOCK_USER;
}

gboolean vmm_simulates_tee(const VmmConfig *config) {
  return config->tee == TEE_CHOICE_SIMULATED || (config->tee == TEE_CHOICE_AUTO && !accelerator_host_has_tdx());
}

static gboolean choose_tee(const VmmConfig *config, const VmmImage *image, gboolean *tdx, GError **error) {
  *tdx = !vmm_simulates_tee(config);
  if (*tdx)
    return TRUE;
  if (!image->is_dev)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE,
                "image %s is for production and this host has no tdx: use a development image", image->name);
  else if (!config->simulator_seed)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE,
                "this host has no tdx and cvm.tee_simulator.mock_attestation_seed is not set");
  else
    return TRUE;
  return FALSE;
}

static gboolean bind_compose(const VmmConfig *config, Vm *vm, LaunchPlan *plan, GError **error) {
  if (!config->use_mrconfigid || !vmm_image_at_least(vm->image, 0, 5, 2))
    return TRUE;
  g_auto(InstanceInfo) instance = {0};
  g_autofree char *compose = work_dir_compose(vm->work_dir, error);
  if (!compose || !work_dir_instance_info(vm->work_dir, &instance, error) ||
      !vmm_mr_config_id(vm->compose, compose, instance.app_id, plan->mr_config_id, error))
    return FALSE;
  plan->mr_config_id_base64 = g_base64_encode(plan->mr_config_id, sizeof plan->mr_config_id);
  return TRUE;
}

static const char *share_mode(const VmmConfig *config, const VmmImage *image) {
  const char *wanted = config->host_share_mode ? config->host_share_mode : image->host_share_mode;
  return wanted ? wanted : "9p";
}

gboolean launch_plan_make(Vmm *vmm, Vm *vm, LaunchPlan *plan, GError **error) {
  const VmmConfig *config = vmm->config;
  *plan = (LaunchPlan){0};
  gboolean tdx;
  if (!vmm_image_at_least(vm->image, 0, 5, 0)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported image version '%s' of image %s", vm->image->version,
                vm->image->name);
    return FALSE;
  }
  if (!choose_tee(config, vm->image, &tdx, error) || !bind_compose(config, vm, plan, error))
    return FALSE;
  plan->qemu = (QemuPlan){.config = config,
                          .manifest = vm->manifest,
                          .image = vm->image,
                          .work_dir = vm->work_dir,
                          .cid = vm->cid,
                          .kvm = tdx || accelerator_use_kvm(vmm->accelerator, vm->image),
                          .tdx = tdx,
                          .user_vsock = vmm_uses_user_vsock(config),
                          .share_mode = share_mode(config, vm->image),
                          .mr_config_id = plan->mr_config_id_base64};
  return TRUE;
}
