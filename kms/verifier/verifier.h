/* The verifier's answers: it parses what callers send, judges it, asks the webhook, and tells the key holder. It has no
 * keys. */
#pragma once

#include "kms/config.h"
#include "kms/wire.h"

#include <glib.h>

typedef struct KmsVerifier KmsVerifier;
/* `keyholder_fd` stays the caller's. Reads the trust anchors. */
KmsVerifier *kms_verifier_new(const KmsConfig *config, int keyholder_fd, GError **error);
void kms_verifier_free(KmsVerifier *verifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KmsVerifier, kms_verifier_free)

/* Answers one request; never NULL. Thread-safe. */
WireBuffer *kms_verifier_answer(KmsVerifier *verifier, const WireBuffer *request);
