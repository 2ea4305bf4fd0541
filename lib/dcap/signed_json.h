/* What TCB info and QE identity share: a JSON text signed as delivered, a signer's chain, and a time window (B.5). */
#pragma once

#include "dcap/chain.h"
#include "dcap/dcap.h"

#include <glib.h>
#include <jansson.h>

#define DCAP_SIGNED_JSON_MAX_SIZE (1024 * 1024)
#define DCAP_JSON_MAX_DEPTH 16
#define DCAP_TCB_SIGNER_NAME "SGX TCB Signing"

typedef struct {
  const char *name; /* "tcb info", "qe identity" */
  char *text;       /* exactly what is signed */
  gsize len;
  guint8 signature[64];
  json_t *json;               /* NULL when the text is malformed */
  gint64 issued, next_update; /* Unix seconds */
  GPtrArray *chain;           /* DcapCert*; NULL when malformed */
  GError *json_error, *chain_error;
  DcapMemo memo;
} DcapSignedJson;

/* Takes the text and chain apart; what is wrong with them is kept for dcap_signed_json_verify(), so that failures come
 * out in the order of B.5. */
DcapSignedJson *dcap_signed_json_new(const char *name, const char *text, const char *chain_pem,
                                     const guint8 signature[64], DcapCertCache *cache);
void dcap_signed_json_free(DcapSignedJson *document);
/* Decoding, dates, chain, signature. `bad_signature` is the class of the last. */
DcapFailure dcap_signed_json_verify(DcapSignedJson *document, const DcapTrust *trust, DcapFailure bad_signature,
                                    GError **error);

/* An RFC 3339 time as Unix seconds, a fraction dropped, or rounded up when `round_up`. */
gboolean dcap_parse_time(const char *text, gboolean round_up, gint64 *out);
/* Member of exactly 2 * size hex digits. Error INVALID. */
gboolean dcap_json_get_fixed_hex(const json_t *object, const char *key, guint8 *out, gsize size, const char *what,
                                 GError **error);
