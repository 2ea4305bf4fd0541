/* Shared by the forms of versioned attestations. */
#pragma once

#include "base/reader.h"
#include "ratls/attestation.h"

#define ATTESTATION_MAX_EVENTS TDX_LOG_MAX_EVENTS
#define ATTESTATION_MAX_PAYLOAD (1024 * 1024)
#define ATTESTATION_MAX_CERTIFICATES 16

/* Of version 1, nothing else set. */
AttestationEvent *attestation_event_alloc(void);
void attestation_event_free(AttestationEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttestationEvent, attestation_event_free)

/* Each reads the whole input into `out`, or fails the reader. The evidence of GCP is not read: out->variant then says
 * so. */
void attestation_read_v0(Reader *reader, RatlsAttestation *out);
void attestation_read_v1(Reader *reader, RatlsAttestation *out);

GBytes *attestation_write_v0(const RatlsAttestation *attestation);
