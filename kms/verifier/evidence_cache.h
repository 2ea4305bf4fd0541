/* Evidence that verified a moment ago, by the digest of the certificate it came in: a request checks the same
 * certificate when the connection begins and again when it asks for keys. What is kept is a proof, not a permission. */
#pragma once

#include "ratls/evidence.h"

#include <glib.h>

typedef struct EvidenceCache EvidenceCache;
EvidenceCache *evidence_cache_new(void);
void evidence_cache_free(EvidenceCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EvidenceCache, evidence_cache_free)

/* Shared evidence, released with evidence_unref(). */
typedef struct SharedEvidence SharedEvidence;
const VerifiedEvidence *evidence_peek(const SharedEvidence *shared);
void evidence_unref(SharedEvidence *shared);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SharedEvidence, evidence_unref)

/* Verifies the certificate (DER) or finds it verified. *out is NULL and TRUE returned when it carries no evidence.
 * Error as ratls_verify_certificate(), prefixed "invalid quote: ". Thread-safe. */
gboolean evidence_cache_verify(EvidenceCache *cache, RatlsVerifier *verifier, GBytes *certificate, SharedEvidence **out,
                               GError **error);

/* The SPKI of a certificate (DER), without parsing it again when its evidence was verified a moment ago; NULL when it is
 * none. */
GBytes *evidence_cache_public_key(EvidenceCache *cache, GBytes *certificate);
