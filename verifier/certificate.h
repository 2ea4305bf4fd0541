/* An attested certificate judged by itself: `dstack-verifier --verify-cert` (spec: attestation E.6). */
#pragma once

#include "verification.h"

/* Reads a certificate (DER or PEM) from `path`, prints the verdict as JSON and writes it to
 * `path`.ratls-verification.json. The context's images are only those in the cache. Returns the exit status: 0 valid, 1
 * invalid or any error. */
int verify_certificate_file(const VerificationContext *context, const char *path);
