/* Quotes that bind the app's signing keys, for callers from anywhere: a quote is costly, so one serves everybody for a while
 * (spec: prpc-and-agent-api 5.7, GetAttestationForAppKey). */
#pragma once

#include "guest-agent/agent.h"

#include "guest_agent.pb-c.h"

SigningQuotes *signing_quotes_new(void);
void signing_quotes_free(SigningQuotes *quotes);

/* What the quote of a signing key is bound to: "dip1::<kind>-pk:" and the key in base64url, zero padded. */
void signing_report_data(const guint8 *public_key, gsize len, guint8 out[TDX_REPORT_DATA_SIZE]);

/* Fills the answer for "ed25519", "secp256k1" or "k256"; the VM's configuration only when the compose makes it public. Error INVALID
 * for another name. */
gboolean signing_quote_respond(Agent *agent, const char *algorithm, DstackGuest__GetQuoteResponse *out, GError **error);
