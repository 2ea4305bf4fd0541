/* .tee-simulator.json: tells a development guest what real hardware would have measured of it, so that its simulated TEE can
 * quote exactly that. */
#pragma once

#include "vmm/plan.h"

/* Measures the image of `plan` as `vm_config` describes it. Error from lib/measure. */
char *tee_simulator_text(const LaunchPlan *plan, const char *vm_config, GError **error);
