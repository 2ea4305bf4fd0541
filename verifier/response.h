/* The answer of POST /verify (spec: attestation E.2). */
#pragma once

#include "verification.h"

#include <glib.h>
#include <jansson.h>

/* New reference. `debug` adds what differs in the registers. */
json_t *verification_describe(const Verification *verification, gboolean debug);
