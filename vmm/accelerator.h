/* Which of the host's ways to run a VM really works. */
#pragma once

#include "vmm/config.h"
#include "vmm/image.h"

#include <glib.h>

typedef struct Accelerator Accelerator;

Accelerator *accelerator_new(const VmmConfig *config);
void accelerator_free(Accelerator *accelerator);

/* TRUE when a kernel boots under KVM here. In mode "auto" the image's kernel is booted once to find out, because a device file
 * /dev/kvm alone proves nothing; the result is kept in run_path until the host or QEMU changes. */
gboolean accelerator_use_kvm(Accelerator *accelerator, const VmmImage *image);

/* TRUE when the host's KVM can run TDX guests. */
gboolean accelerator_host_has_tdx(void);
