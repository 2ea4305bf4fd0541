#include "quote_outcome.h"

#include "base/error.h"
#include "base/hex.h"
#include "report_fields.h"
#include "tdx/event_log.h"

#include <string.h>

#define EVENT_LOG_ERROR "event log"

void quote_input_clear(QuoteInput *input) {
  g_clear_pointer(&input->quote, g_bytes_unref);
  g_clear_pointer(&input->collateral, g_bytes_unref);
  g_clear_pointer(&input->service, dcap_collateral_source_unref);
  g_clear_pointer(&input->root, X509_free);
  g_free(input->event_log);
}

void quote_outcome_clear(QuoteOutcome *outcome) {
  g_free(outcome->reason);
  dcap_verdict_clear(&outcome->verdict);
  quote_free(outcome->quote);
  json_decref(outcome->replay);
}

static void refuse(QuoteOutcome *outcome, const char *error_class, const char *reason) {
  outcome->verified = FALSE;
  outcome->error = error_class;
  outcome->reason = g_strdup(reason);
}

static void verify_quote(const QuoteInput *input, QuoteOutcome *out) {
  g_autoptr(GError) error = NULL;
  DcapOptions options = {.root = input->root, .now = input->now};
  if (!input->collateral) {
    out->verified = dcap_verify_from(input->service, input->quote, &options, &out->verdict, &out->quote, &error);
    if (!out->verified)
      refuse(out, dcap_failure_name(out->verdict.failure), error->message);
    return;
  }
  gsize len;
  const char *text = g_bytes_get_data(input->collateral, &len);
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse(text, len, &error);
  if (!collateral) {
    out->quote = quote_parse(input->quote, NULL);
    refuse(out, dcap_failure_name(DCAP_COLLATERAL_DECODE), error->message);
    return;
  }
  out->verified = dcap_verify_bytes(input->quote, collateral, &options, &out->verdict, &out->quote, &error);
  if (!out->verified)
    refuse(out, dcap_failure_name(out->verdict.failure), error->message);
}

/* Sets out->replay to the replayed registers; *error when one differs from the quote. */
static gboolean replay_registers(const TdReport *td, TdxEventLog *log, json_t *replay, GError **error) {
  const char *different = NULL;
  static const char *const names[TDX_N_RTMRS] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
  for (guint i = 0; i < TDX_N_RTMRS; i++) {
    guint8 value[TDX_MR_SIZE];
    if (!tdx_replay(log, i, NULL, value, error))
      return FALSE;
    g_autofree char *hex = hex_encode(value, sizeof value);
    json_object_set_new(replay, names[i], json_string(hex));
    if (!different && memcmp(value, td->rtmr[i], sizeof value) != 0)
      different = names[i];
  }
  if (different)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "rtmr mismatch: the event log does not replay to %s",
                different);
  return different == NULL;
}

static void verify_event_log(const QuoteInput *input, QuoteOutcome *out) {
  g_autoptr(GError) error = NULL;
  if (!out->quote)
    return;
  if (out->quote->tee_type != TEE_TDX) {
    if (out->verified)
      refuse(out, EVENT_LOG_ERROR, "event log: only a TDX quote has registers to replay it to");
    return;
  }
  out->replay = json_object();
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(input->event_log, strlen(input->event_log), &error);
  gboolean good = log && replay_registers(&out->quote->td, log, out->replay, &error);
  if (!good && out->verified)
    refuse(out, log ? "rtmr mismatch" : EVENT_LOG_ERROR, error->message);
}

void quote_judge(const QuoteInput *input, QuoteOutcome *out) {
  verify_quote(input, out);
  if (input->event_log)
    verify_event_log(input, out);
}

static json_t *optional_string(const char *text) { return text ? json_string(text) : json_null(); }

static json_t *strings(const GPtrArray *array) {
  json_t *out = json_array();
  for (guint i = 0; array && i < array->len; i++)
    json_array_append_new(out, json_string(array->pdata[i]));
  return out;
}

json_t *quote_outcome_describe(const QuoteOutcome *outcome, const QuoteInput *input) {
  const DcapVerdict *verdict = &outcome->verdict;
  /* A verdict that failed later than DCAP (the event log) still has its statuses. */
  gboolean known = outcome->quote && verdict->failure == DCAP_OK && verdict->advisory_ids;
  json_t *object = json_object();
  json_object_set_new(object, "verified", json_boolean(outcome->verified));
  json_object_set_new(object, "status", optional_string(known ? tcb_status_name(verdict->status) : NULL));
  json_object_set_new(object, "advisory_ids", strings(verdict->advisory_ids));
  json_object_set_new(object, "error", optional_string(outcome->error));
  json_object_set_new(object, "reason", optional_string(outcome->reason));
  json_object_set_new(object, "platform_status",
                      optional_string(known ? tcb_status_name(verdict->platform_status) : NULL));
  json_object_set_new(
      object, "module_status",
      optional_string(known && verdict->has_module_status ? tcb_status_name(verdict->module_status) : NULL));
  json_object_set_new(object, "qe_status", optional_string(known ? tcb_status_name(verdict->qe_status) : NULL));
  json_object_set_new(object, "trust_anchor",
                      json_string((known ? verdict->external_root : input->root != NULL) ? "external" : "vendor"));
  json_object_set_new(object, "report", outcome->quote ? report_fields(outcome->quote) : json_null());
  if (input->event_log)
    json_object_set_new(object, "rtmr_replay", outcome->replay ? json_incref(outcome->replay) : json_null());
  return object;
}
