#include "guest-agent/app_key.h"
#include "guest-agent/handlers.h"
#include "guest-agent/services.h"
#include "guest-agent/tls_key.h"

#include "base/error.h"

#include <string.h>

static gboolean get_tls_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error) {
  (void)call;
  const DstackGuest__GetTlsKeyArgs *args = (const DstackGuest__GetTlsKeyArgs *)request;
  g_autofree const char **alt_names = g_new0(const char *, args->n_alt_names + 1);
  for (gsize i = 0; i < args->n_alt_names; i++)
    alt_names[i] = args->alt_names[i];
  AppCertSpec spec = {.subject = args->subject,
                      .alt_names = alt_names,
                      .server_auth = args->usage_server_auth,
                      .client_auth = args->usage_client_auth,
                      .ra_tls = args->usage_ra_tls,
                      .app_info = args->with_app_info,
                      .has_not_before = prpc_has_optional(request, "not_before"),
                      .has_not_after = prpc_has_optional(request, "not_after"),
                      .not_before = args->not_before,
                      .not_after = args->not_after};
  g_autoptr(EVP_PKEY) key = tls_key_random();
  return tls_key_respond(data, key, &spec, (DstackGuest__GetTlsKeyResponse *)response, error);
}

static gboolean get_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                        GError **error) {
  (void)call;
  Agent *agent = data;
  const DstackGuest__GetKeyArgs *args = (const DstackGuest__GetKeyArgs *)request;
  AppKeyAlgorithm algorithm;
  if (!app_key_algorithm(args->algorithm, &algorithm, error))
    return FALSE;
  g_autoptr(AppKey) key = app_key_derive(agent->keys, args->path, args->purpose, algorithm, error);
  if (!key)
    return FALSE;
  DstackGuest__GetKeyResponse *out = (DstackGuest__GetKeyResponse *)response;
  prpc_set_bytes(&out->key, secret_peek(key->key), secret_len(key->key));
  out->n_signature_chain = 2;
  out->signature_chain = g_new0(ProtobufCBinaryData, 2);
  prpc_set_bytes(&out->signature_chain[0], key->signature, sizeof key->signature);
  prpc_set_gbytes(&out->signature_chain[1], agent->keys->k256_signature);
  return TRUE;
}

static gboolean get_quote(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                          GError **error) {
  (void)call;
  Agent *agent = data;
  const DstackGuest__RawQuoteArgs *args = (const DstackGuest__RawQuoteArgs *)request;
  guint8 report_data[TDX_REPORT_DATA_SIZE] = {0};
  if (args->report_data.len > sizeof report_data) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "report_data is longer than 64 bytes");
    return FALSE;
  }
  if (args->report_data.len > 0)
    memcpy(report_data, args->report_data.data, args->report_data.len);
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(agent->platform, report_data, error);
  if (!evidence)
    return FALSE;
  g_autofree char *log = tdx_event_log_print(evidence->log);
  DstackGuest__GetQuoteResponse *out = (DstackGuest__GetQuoteResponse *)response;
  prpc_set_gbytes(&out->quote, evidence->quote);
  prpc_set_string(&out->event_log, log);
  prpc_set_bytes(&out->report_data, report_data, sizeof report_data);
  prpc_set_string(&out->vm_config, agent->sys_config->vm_config);
  return TRUE;
}

static gboolean emit_event(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                           GError **error) {
  (void)call, (void)response; /* Empty */
  Agent *agent = data;
  const DstackGuest__EmitEventArgs *args = (const DstackGuest__EmitEventArgs *)request;
  return tdx_emit_event(agent->platform, args->event, args->payload.data, args->payload.len, error);
}

PrpcService *dstack_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "", agent);
  prpc_service_handle(service, "GetTlsKey", get_tls_key);
  prpc_service_handle(service, "GetKey", get_key);
  prpc_service_handle(service, "GetQuote", get_quote);
  prpc_service_handle(service, "EmitEvent", emit_event);
  prpc_service_handle(service, "Info", handle_info);
  prpc_service_handle(service, "Version", handle_version);
  return service;
}

PrpcService *dstack_probe_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "Tappd.", agent);
  prpc_service_handle(service, "Info", handle_info);
  return service;
}
