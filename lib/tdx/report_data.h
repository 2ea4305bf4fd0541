/* What a quote is bound to: report data = pad64(H(tag || ":" || content)) (spec: attestation D.2). */
#pragma once

#include "tdx/quote.h"

#include <glib.h>

#define REPORT_DATA_RATLS_CERT "ratls-cert"
#define REPORT_DATA_KMS_ROOT_CA "kms-root-ca"
#define REPORT_DATA_APP_DATA "app-data"

/* `hash` is a name of digest_by_name(), "" for sha512, or "raw" (content must be 64 bytes and is used as it is, without
 * tag). Errors INVALID: unknown hash, wrong raw length. */
gboolean report_data_compose(const char *tag, const void *content, gsize len, const char *hash,
                             guint8 out[TDX_REPORT_DATA_SIZE], GError **error);
/* The binding of every RA-TLS certificate and CSR: sha512("ratls-cert:" || SPKI DER). */
void report_data_ratls(GBytes *spki, guint8 out[TDX_REPORT_DATA_SIZE]);
