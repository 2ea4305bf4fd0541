/* What the key holder records, and that it releases nothing that it could not record. */
#pragma once

#include "kms/audit_facts.h"
#include "kms/keyholder/audit_log.h"

#include <glib.h>

typedef struct Audit Audit;
/* `dir` and `key` as for audit_log_open(). Adds the line of this start. */
Audit *audit_open(const char *dir, gboolean sync_each, const Secret *key, GError **error);
void audit_free(Audit *audit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Audit, audit_free)
/* Borrowed. */
AuditLog *audit_peek_log(Audit *audit);

/* Before a release. `audit` NULL: nothing is recorded, by configuration. `certificate` is the SHA-256 of a certificate
 * that was signed, or NULL. On error the release must not take place. */
gboolean audit_release(Audit *audit, const AuditFacts *facts, const guint8 *certificate, GError **error);
/* After a refusal. Strangers can cause refusals without end: beyond AUDIT_REFUSALS_BURST, and then one a second, they
 * are only counted, and the next line has the number. A refused CVM that proved who it is counts apart from those that
 * did not. */
gboolean audit_refusal(Audit *audit, const AuditFacts *facts, const char *reason, GError **error);
#define AUDIT_REFUSALS_BURST 100
