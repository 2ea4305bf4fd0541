/* One request judged, step by step (spec: attestation E.3). */
#pragma once

#include "image/expectation.h"
#include "ratls/evidence.h"
#include "request.h"

#include <glib.h>

typedef struct {
  RatlsVerifier *verifier;
  ImageJudge *images;
} VerificationContext;

/* What was proven so far: a step that fails leaves the flags of later ones FALSE. */
typedef struct {
  gboolean is_valid, quote_verified, event_log_verified, os_image_hash_verified;
  VerifiedEvidence *evidence; /* NULL until the quote has verified */
  ImageExpectation *os;       /* NULL until it is known what the image measures to */
  AcpiBlobs acpi;             /* the tables such a machine has; with debug, when the measurements differ */
  char *reason;               /* NULL when valid */
} Verification;

/* The image that `vm_config` names, against the verified evidence in `out`: sets `os` and its flag. */
gboolean verify_os_image(const VerificationContext *context, const char *vm_config, gboolean debug, Verification *out,
                         GError **error);
void verify_request(const VerificationContext *context, const VerifyRequest *request, Verification *out);
void verification_clear(Verification *verification);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Verification, verification_clear)
