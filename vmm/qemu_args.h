/* The command line of one VM (spec: vmm 7). The order of devices is measured: it is part of the contract. */
#pragma once

#include "vmm/config.h"
#include "vmm/image.h"
#include "vmm/manifest.h"

#include <glib.h>

/* Everything the command line depends on. Borrowed throughout. */
typedef struct {
  const VmmConfig *config;
  const Manifest *manifest;
  const VmmImage *image;
  const char *work_dir;
  guint32 cid;
  gboolean kvm;               /* else TCG */
  gboolean tdx;               /* else no confidential object: the guest simulates its TEE */
  gboolean user_vsock;        /* a vhost-user backend at work_dir/vhost-vsock.sock, else the kernel's */
  const char *share_mode;     /* "9p" or "vhd" */
  const char *mr_config_id;   /* base64, or NULL */
} QemuPlan;

/* What the guest really gets, which may differ from what was asked for. */
guint32 qemu_effective_vcpus(const Manifest *manifest);
guint64 qemu_effective_memory_mb(const Manifest *manifest);

/* The whole argv, beginning with QEMU's path (or `taskset`). Error INVALID: the image can not be described. */
char **qemu_args_build(const QemuPlan *plan, GError **error);
