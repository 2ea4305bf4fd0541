/* What the verifier knows about whom it judged: it travels to the key holder with a grant or a refusal, and from there
 * into the audit log. No secret is in it. */
#pragma once

#include "kms/protocol.h"
#include "kms/wire.h"

#include <glib.h>

#define AUDIT_MEASUREMENT_SIZE 32
#define AUDIT_TCB_STATUS_SIZE 64 /* with the NUL */
#define AUDIT_BLOCK_UNKNOWN G_MAXUINT64

typedef enum { AUDIT_CONNECTION, AUDIT_APP_KEY, AUDIT_CERTIFICATE, AUDIT_KMS_KEY } AuditRequest;

typedef struct {
  AuditRequest request;
  gboolean has_client_key;
  guint8 client_key[AUDIT_MEASUREMENT_SIZE]; /* SHA-256 of the SPKI that the evidence is, or should be, bound to */
  gboolean proven;                           /* what follows comes from evidence that verified; else it is zero */
  guint8 app_id[KMS_APP_ID_SIZE];
  gboolean has_instance_id;
  guint8 instance_id[KMS_INSTANCE_ID_SIZE];
  guint8 device_id[AUDIT_MEASUREMENT_SIZE], compose_hash[AUDIT_MEASUREMENT_SIZE];
  guint8 mr_aggregated[AUDIT_MEASUREMENT_SIZE], mr_system[AUDIT_MEASUREMENT_SIZE];
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE]; /* in a refusal: as claimed */
  char tcb_status[AUDIT_TCB_STATUS_SIZE];
  guint64 contract_block; /* that the decision was read from, or AUDIT_BLOCK_UNKNOWN */
} AuditFacts;

void audit_facts_put(WireBuffer *buffer, const AuditFacts *facts);
/* A field of a wrong value fails the reader. */
void audit_facts_get(Reader *reader, AuditFacts *out);
