#include "bytes.h"
#include "fail.h"
#include "rpc.h"

#include <string.h>

void dstack_quote_clear(dstack_quote *quote) {
  dstack_bytes_clear(&quote->quote);
  dstack_bytes_clear(&quote->attestation);
  wipe_string(quote->event_log);
  wipe_string(quote->vm_config);
  *quote = (dstack_quote){0};
}

static dstack_status check_report_data(size_t size, dstack_error *error) {
  if (size <= DSTACK_REPORT_DATA_SIZE)
    return DSTACK_OK;
  return fail(error, DSTACK_INVALID, "report data is too large: %zu bytes, at most 64 are allowed", size);
}

static dstack_status read_quote(const json_t *answer, dstack_quote *quote, dstack_error *error) {
  dstack_bytes report_data = {0};
  dstack_status status = rpc_get_bytes(answer, "quote", true, &quote->quote, error);
  if (status == DSTACK_OK)
    status = rpc_get_text(answer, "event_log", true, &quote->event_log, error);
  if (status == DSTACK_OK)
    status = rpc_get_text(answer, "vm_config", false, &quote->vm_config, error);
  if (status == DSTACK_OK)
    status = rpc_get_bytes(answer, "attestation", false, &quote->attestation, error);
  if (status == DSTACK_OK)
    status = rpc_get_bytes(answer, "report_data", false, &report_data, error);
  if (status == DSTACK_OK && report_data.size > sizeof quote->report_data)
    status = fail(error, DSTACK_MALFORMED, "the answer's report data have %zu bytes", report_data.size);
  else if (status == DSTACK_OK && report_data.size)
    memcpy(quote->report_data, report_data.data, report_data.size);
  dstack_bytes_clear(&report_data);
  return status;
}

static dstack_status call_quote(dstack_client *client, const char *path, json_t *request, dstack_quote *quote,
                                dstack_error *error) {
  json_t *answer = NULL;
  dstack_quote result = {0};
  dstack_status status = rpc_call(client, path, request, &answer, error);
  if (status == DSTACK_OK)
    status = read_quote(answer, &result, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *quote = result;
  else
    dstack_quote_clear(&result);
  return status;
}

dstack_status dstack_get_quote(dstack_client *client, const void *report_data, size_t size, dstack_quote *quote,
                               dstack_error *error) {
  dstack_status status = check_report_data(size, error);
  if (status != DSTACK_OK)
    return status;
  json_t *request = json_pack("{s:o}", "report_data", rpc_hex(report_data, size));
  return call_quote(client, "/GetQuote", request, quote, error);
}

dstack_status dstack_tappd_tdx_quote(dstack_client *client, const void *report_data, size_t size,
                                     const char *hash_algorithm, dstack_quote *quote, dstack_error *error) {
  uint8_t padded[DSTACK_REPORT_DATA_SIZE] = {0};
  if (hash_algorithm && strcmp(hash_algorithm, "raw") == 0) {
    dstack_status status = check_report_data(size, error);
    if (status != DSTACK_OK)
      return status;
    if (size)
      memcpy(padded + sizeof padded - size, report_data, size);
    report_data = padded;
    size = sizeof padded;
  }
  json_t *request = json_pack("{s:o, s:s}", "report_data", rpc_hex(report_data, size), "hash_algorithm",
                              hash_algorithm ? hash_algorithm : "");
  return call_quote(client, "/prpc/Tappd.TdxQuote", request, quote, error);
}

dstack_status dstack_attest(dstack_client *client, const void *report_data, size_t size, dstack_bytes *attestation,
                            dstack_error *error) {
  dstack_status status = check_report_data(size, error);
  json_t *answer = NULL;
  dstack_bytes result = {0};
  if (status == DSTACK_OK)
    status = rpc_call(client, "/Attest", json_pack("{s:o}", "report_data", rpc_hex(report_data, size)), &answer, error);
  if (status == DSTACK_OK)
    status = rpc_get_bytes(answer, "attestation", true, &result, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *attestation = result;
  return status;
}

dstack_status dstack_gpu_info(dstack_client *client, char **attestation, dstack_error *error) {
  json_t *answer = NULL;
  dstack_status status = rpc_call(client, "/GpuInfo", json_object(), &answer, error);
  if (status == DSTACK_OK)
    status = rpc_get_text(answer, "attestation", true, attestation, error);
  rpc_release(answer);
  return status;
}

dstack_status dstack_emit_event(dstack_client *client, const char *event, const void *payload, size_t size,
                                dstack_error *error) {
  if (!event || !*event)
    return fail(error, DSTACK_INVALID, "the event's name is empty");
  json_t *answer = NULL;
  json_t *request = json_pack("{s:s, s:o}", "event", event, "payload", rpc_hex(payload, size));
  dstack_status status = rpc_call(client, "/EmitEvent", request, &answer, error);
  rpc_release(answer);
  return status;
}
