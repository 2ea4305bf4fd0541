/* Verdicts of the verifier that wait for the front to ask: each good for one answer, for KMS_GRANT_SECONDS. */
#pragma once

#include "kms/audit_facts.h"
#include "kms/protocol.h"

#include "crypto/p256.h"

#include <glib.h>

typedef enum { GRANT_APP_KEYS, GRANT_ROOT_KEYS } GrantKind;

typedef struct {
  GrantKind kind;
  AuditFacts facts; /* proven; GRANT_APP_KEYS is for their app and instance */
  /* GRANT_ROOT_KEYS: who may have them */
  guint8 spki[P256_SPKI_SIZE];
} KeyGrant;

typedef struct GrantTable GrantTable;
GrantTable *grant_table_new(void);
void grant_table_free(GrantTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GrantTable, grant_table_free)

/* `now_us` is monotonic time in microseconds. When the table is full the oldest grant goes. `name` is random. */
void grant_table_add(GrantTable *table, const KeyGrant *grant, gint64 now_us, guint8 name[KMS_GRANT_SIZE]);
/* Takes the grant out. Error DENIED: unknown, used, expired, or of another kind. */
gboolean grant_table_take(GrantTable *table, GrantKind kind, const guint8 name[KMS_GRANT_SIZE], gint64 now_us,
                          KeyGrant *out, GError **error);
