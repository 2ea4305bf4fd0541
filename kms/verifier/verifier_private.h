/* Shared by the answers of the verifier; nobody else includes it. */
#pragma once

#include "kms/verifier/auth_api.h"
#include "kms/verifier/caller.h"
#include "kms/verifier/evidence_cache.h"
#include "kms/verifier/keyholder_link.h"
#include "kms/verifier/os_image.h"
#include "kms/verifier/verifier.h"

struct KmsVerifier {
  RatlsVerifier *evidence;
  EvidenceCache *cache;
  AuthApi *auth;
  OsImageChecker *images;
  KeyholderLink *keyholder;
  gboolean enforce_self; /* nothing is granted unless the webhook allows this KMS, too */
  GMutex self_lock;
  gboolean has_self;
  BootInfo self; /* set once */
};

/* Reads fields from `body`, puts the answer's into `answer`. */
typedef gboolean (*VerifierHandler)(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error);

/* The verified evidence of a certificate (DER). Error DENIED "no attestation provided", and those of verifying. */
SharedEvidence *verifier_require_evidence(KmsVerifier *verifier, GBytes *certificate, GError **error);
/* Everything between proven evidence and a yes: policy first, then the image (spec: kms 7.1). */
gboolean verifier_authorize(KmsVerifier *verifier, AuthQuestion about, const VerifiedEvidence *evidence,
                            AppInfoMode mode, const char *vm_config, Caller *caller, GError **error);
void verifier_log_decision(const char *what, const BootInfo *info);
/* Has the audit log say that this caller got nothing, and why. */
void verifier_record_refusal(KmsVerifier *verifier, const Caller *caller, const GError *why);

/* Other KMSs (kms_peer.c). */
gboolean verifier_answer_judge_source(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error);
gboolean verifier_answer_authorize_kms(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error);

/* This KMS itself (self.c). */
gboolean verifier_require_self(KmsVerifier *verifier, GError **error);
gboolean verifier_answer_self(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error);
gboolean verifier_answer_self_allowed(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error);
