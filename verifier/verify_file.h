/* One request from a file, answered into a file beside it (spec: attestation E.6). */
#pragma once

#include "verification.h"

/* Reads the request in `path`, writes the response to `path`.verification.json and prints it as one line. Returns the
 * exit status: 0 valid, 1 invalid or any error. */
int verify_file(const VerificationContext *context, const char *path);
