/* The verifier's own channel to the key holder: verdicts go here, never through the front. */
#pragma once

#include "kms/audit_facts.h"
#include "kms/protocol.h"

#include "ratls/csr.h"

#include <glib.h>

typedef struct KeyholderLink KeyholderLink;
/* `fd` stays the caller's. */
KeyholderLink *keyholder_link_new(int fd);
void keyholder_link_free(KeyholderLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyholderLink, keyholder_link_free)

/* States that this CVM, which is proven, may have its keys now. Thread-safe, as all below. */
gboolean keyholder_link_grant(KeyholderLink *link, const AuditFacts *facts, guint8 grant[KMS_GRANT_SIZE], GError **error);
/* States that the KMS whose client certificate has this key (SPKI DER) may have the root keys now. */
gboolean keyholder_link_grant_root(KeyholderLink *link, const AuditFacts *facts, GBytes *spki,
                                   guint8 grant[KMS_GRANT_SIZE], GError **error);
/* Has a refusal recorded. */
gboolean keyholder_link_refuse(KeyholderLink *link, const AuditFacts *facts, const char *reason, GError **error);

/* What the leaf shall show; NULL: not that. */
typedef struct {
  GBytes *quote, *event_log; /* borrowed from the CSR */
  GBytes *attestation, *app_info;
} LeafExtensions;
/* Has the leaf of a proven CSR signed. Both PEM results are freed with g_free(). */
gboolean keyholder_link_sign(KeyholderLink *link, const AuditFacts *facts, const RatlsCsr *csr,
                             const LeafExtensions *extensions, char **leaf, char **app_ca, GError **error);
