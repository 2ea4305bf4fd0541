/* One quote judged, and the verdict as a JSON object. */
#pragma once

#include "dcap/collateral_source.h"

#include <glib.h>
#include <jansson.h>
#include <openssl/x509.h>

typedef struct {
  GBytes *quote;
  GBytes *collateral; /* NULL: from `service` */
  DcapCollateralSource *service;
  X509 *root;      /* NULL: Intel's */
  char *event_log; /* NULL: none was given */
  gint64 now;      /* Unix seconds */
} QuoteInput;
void quote_input_clear(QuoteInput *input);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QuoteInput, quote_input_clear)

typedef struct {
  gboolean verified;
  const char *error; /* class of the failure; NULL when verified */
  char *reason;      /* the failure in words */
  DcapVerdict verdict;
  Quote *quote;   /* NULL when it could not be parsed */
  json_t *replay; /* the registers the event log replays to; NULL without a log */
} QuoteOutcome;
void quote_outcome_clear(QuoteOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QuoteOutcome, quote_outcome_clear)

/* Fills `out`, which is zeroed before. */
void quote_judge(const QuoteInput *input, QuoteOutcome *out);
/* verified, status, advisory_ids, error, reason, platform_status, module_status, qe_status, trust_anchor, report, and
 * rtmr_replay when a log was given. The report is there whenever the quote could be parsed. New reference. */
json_t *quote_outcome_describe(const QuoteOutcome *outcome, const QuoteInput *input);
