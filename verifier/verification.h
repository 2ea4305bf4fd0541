/* One request judged, step by step (spec: attestation E.3). */
#pragma once

#include "os_image.h"
#include "ratls/evidence.h"
#include "request.h"

#include <glib.h>

typedef struct {
  RatlsVerifier *verifier;
  OsImages *images;
} VerificationContext;

/* What was proven so far: a step that fails leaves the flags of later ones FALSE. */
typedef struct {
  gboolean is_valid, quote_verified, event_log_verified, os_image_hash_verified;
  VerifiedEvidence *evidence; /* NULL until the quote has verified */
  OsExpectation *os;          /* NULL until the image was measured */
  char *reason;               /* NULL when valid */
} Verification;

void verify_request(const VerificationContext *context, const VerifyRequest *request, Verification *out);
void verification_clear(Verification *verification);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Verification, verification_clear)
