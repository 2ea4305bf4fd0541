/* TCB info and QE identity of a healthy simulated platform, unsigned. */
#pragma once

#include "tdx/quote.h"
#include "tdx/simulated/certificate.h"

#include <jansson.h>

json_t *simulated_tcb_info(const SimulatedPlatformInfo *platform, TeeType tee);
json_t *simulated_qe_identity(TeeType tee);
