#include "guest-agent/quotes.h"

#include "base/error.h"
#include "prpc/message.h"
#include "ratls/attestation.h"

#include <string.h>

gboolean quote_report_data(const ProtobufCBinaryData *content, guint8 out[TDX_REPORT_DATA_SIZE], GError **error) {
  if (content->len > TDX_REPORT_DATA_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "report_data is longer than %d bytes", TDX_REPORT_DATA_SIZE);
    return FALSE;
  }
  memset(out, 0, TDX_REPORT_DATA_SIZE);
  if (content->len > 0)
    memcpy(out, content->data, content->len);
  return TRUE;
}

static GBytes *encode(const TdxEvidence *evidence, const guint8 report_data[TDX_REPORT_DATA_SIZE],
                      const char *vm_config) {
  g_autoptr(RatlsAttestation) attestation =
      ratls_attestation_new(evidence->quote, evidence->log, report_data, vm_config);
  return ratls_attestation_encode(attestation);
}

gboolean quote_respond(Agent *agent, const guint8 report_data[TDX_REPORT_DATA_SIZE], const char *vm_config,
                       DstackGuest__GetQuoteResponse *out, GError **error) {
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(agent->platform, report_data, error);
  if (!evidence)
    return FALSE;
  g_autofree char *log = tdx_event_log_print(evidence->log);
  prpc_set_gbytes(&out->quote, evidence->quote);
  prpc_set_string(&out->event_log, log);
  prpc_set_bytes(&out->report_data, report_data, TDX_REPORT_DATA_SIZE);
  prpc_set_string(&out->vm_config, vm_config);
  if (agent->quotes_carry_attestation) {
    g_autoptr(GBytes) attestation = encode(evidence, report_data, vm_config);
    prpc_set_gbytes(&out->attestation, attestation);
  }
  return TRUE;
}

GBytes *quote_attestation(Agent *agent, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(agent->platform, report_data, error);
  return evidence ? encode(evidence, report_data, agent->sys_config->vm_config) : NULL;
}
