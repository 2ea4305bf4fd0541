/* Where the boot of a CVM went another way than its image does: events expected and found, side by side. */
#pragma once

#include "image/expectation.h"
#include "ratls/evidence.h"

#include <jansson.h>

/* The array `rtmr_debug` of spec attestation E.2: one entry for each register of RTMR0-2 that differs. New reference.
 */
json_t *rtmr_debug(const ImageExpectation *os, const VerifiedEvidence *evidence);
