/* Versioned attestations: evidence of any TEE, with its events and configuration, in one piece (spec: attestation D.7).
 * They travel in certificates (extension .8), in requests of version 2, and in answers of the guest agent.
 *
 * Reading one proves nothing: see ratls_verify_attestation() in ratls/evidence.h. */
#pragma once

#include "tdx/event_log.h"

#include <glib.h>

#define ATTESTATION_MAX_SIZE (10 * 1024 * 1024)

/* In the order of the wire. */
typedef enum {
  ATTESTATION_TDX,
  ATTESTATION_GCP_TDX,
  ATTESTATION_NITRO_ENCLAVE,
  ATTESTATION_SEV_SNP,
  ATTESTATION_AWS_NITRO_TPM,
} AttestationVariant;
/* "dstack-tdx", "dstack-gcp-tdx", "dstack-nitro-enclave", "dstack-amd-sev-snp", "dstack-aws-nitro-tpm". */
const char *ratls_attestation_variant_name(AttestationVariant variant);

/* An event as it stands in the attestation. */
typedef struct {
  guint32 imr; /* 0-based register */
  guint32 type;
  GBytes *digest; /* may be empty, also wrong: ratls_attestation_event_log() judges */
  char *name;
  GBytes *payload;
  guint version;  /* 1 or 2 */
  char *preimage; /* hex text of what was hashed; NULL: not said */
} AttestationEvent;

typedef struct {
  AttestationVariant variant;
  GBytes *evidence;          /* TDX quote, SEV-SNP report, or the document of an AWS TEE */
  GPtrArray *events;         /* AttestationEvent*: the log; empty but for TDX */
  GPtrArray *cert_chain;     /* GBytes*; empty but for SEV-SNP */
  char *mr_config;           /* the SEV-SNP document; "" otherwise */
  GPtrArray *runtime_events; /* AttestationEvent* of RTMR3, without digests */
  guint8 report_data[64];
  char *config;              /* JSON text the guest was started with, unauthenticated; may be "" */
  char *report_data_payload; /* what report_data was made of ("dstack-pod"); NULL: not said */
} RatlsAttestation;

void ratls_attestation_free(RatlsAttestation *attestation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RatlsAttestation, ratls_attestation_free)

/* The attestation of a TDX quote and its full log. `config` may be NULL. */
RatlsAttestation *ratls_attestation_new(GBytes *quote, TdxEventLog *log, const guint8 report_data[64],
                                        const char *config);

/* Reads version 0 (SCALE) and version 1 (MessagePack). Refused: anything after the end, duplicates, over 4096 events,
 * an event over 1 MiB, over 10 MiB in all, a report_data_payload that does not make report_data. Errors INVALID,
 * TOO_LARGE, UNVERIFIED; NOT_IMPLEMENTED "unsupported tee variant: dstack-gcp-tdx". */
RatlsAttestation *ratls_attestation_decode(GBytes *encoded, GError **error);
/* Writes version 0, or version 1 when there is something that only that can hold: an event of version 2, a
 * report_data_payload. */
GBytes *ratls_attestation_encode(const RatlsAttestation *attestation);
/* Writes version 1. */
GBytes *ratls_attestation_encode_v1(const RatlsAttestation *attestation);

/* Leaves out what certificates do not carry: boot events other than the three of ACPI, and digests that follow from the
 * event. */
void ratls_attestation_strip(RatlsAttestation *attestation);

/* The TDX quote. Error NOT_IMPLEMENTED "unsupported tee variant: NAME" for evidence of another TEE. New reference. */
GBytes *ratls_attestation_quote(const RatlsAttestation *attestation, GError **error);
/* The log as lib/tdx judges it, digests filled. The events of RTMR3 and the runtime events must be the same where both
 * are given (UNVERIFIED). Other errors as tdx_event_log_parse(). Boot events may have been left out. */
TdxEventLog *ratls_attestation_event_log(const RatlsAttestation *attestation, GError **error);
