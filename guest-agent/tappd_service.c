#include "guest-agent/app_key_cache.h"
#include "guest-agent/handlers.h"
#include "guest-agent/services.h"
#include "guest-agent/tls_key.h"

#include "crypto/digest.h"
#include "tdx/report_data.h"

#include <string.h>

static gboolean derive_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                           GError **error) {
  (void)call;
  Agent *agent = data;
  const DstackGuest__DeriveKeyArgs *args = (const DstackGuest__DeriveKeyArgs *)request;
  /* A random key does not depend on the path: the KDF of a fresh seed is as random with it as without. */
  g_autoptr(EVP_PKEY) key = args->random_seed ? tls_key_random() : tls_key_of_path(agent->keys, args->path, error);
  if (!key)
    return FALSE;
  g_autofree const char **alt_names = tls_key_alt_names(args->alt_names, args->n_alt_names);
  AppCertSpec spec = {.subject = args->subject,
                      .alt_names = alt_names,
                      .server_auth = args->usage_server_auth,
                      .client_auth = args->usage_client_auth,
                      .ra_tls = args->usage_ra_tls};
  return tls_key_respond(agent, key, &spec, (DstackGuest__GetTlsKeyResponse *)response, error);
}

static gboolean derive_k256_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                gpointer data, GError **error) {
  (void)call;
  Agent *agent = data;
  const DstackGuest__GetKeyArgs *args = (const DstackGuest__GetKeyArgs *)request;
  g_autoptr(AppKey) key = app_key_cache_get(agent->key_cache, args->path, args->purpose, args->algorithm, error);
  if (!key)
    return FALSE;
  DstackGuest__DeriveK256KeyResponse *out = (DstackGuest__DeriveK256KeyResponse *)response;
  prpc_set_bytes(&out->k256_key, secret_peek(key->key), secret_len(key->key));
  out->k256_signature_chain = app_key_signature_chain(agent->keys, key, &out->n_k256_signature_chain);
  return TRUE;
}

static gboolean quote_for(Agent *agent, const ProtobufCBinaryData *content, const char *algorithm, const char *tag,
                          DstackGuest__TdxQuoteResponse *out, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  if (!report_data_compose(tag, content->data, content->len, algorithm, report_data, error))
    return FALSE;
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(agent->platform, report_data, error);
  if (!evidence)
    return FALSE;
  g_autofree char *log = tdx_event_log_print(evidence->log);
  prpc_set_gbytes(&out->quote, evidence->quote);
  prpc_set_string(&out->event_log, log);
  prpc_set_string(&out->hash_algorithm, *algorithm ? algorithm : "sha512");
  prpc_set_string(&out->prefix, g_str_equal(algorithm, "raw") ? "" : tag);
  return TRUE;
}

static gboolean tdx_quote(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                          GError **error) {
  (void)call;
  const DstackGuest__TdxQuoteArgs *args = (const DstackGuest__TdxQuoteArgs *)request;
  const char *tag = *args->prefix ? args->prefix : REPORT_DATA_APP_DATA;
  return quote_for(data, &args->report_data, args->hash_algorithm, tag, (DstackGuest__TdxQuoteResponse *)response,
                   error);
}

static gboolean raw_quote(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                          GError **error) {
  (void)call;
  const DstackGuest__RawQuoteArgs *args = (const DstackGuest__RawQuoteArgs *)request;
  return quote_for(data, &args->report_data, "raw", "", (DstackGuest__TdxQuoteResponse *)response, error);
}

PrpcService *tappd_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__tappd__descriptor, "Tappd.", agent);
  prpc_service_handle(service, "DeriveKey", derive_key);
  prpc_service_handle(service, "DeriveK256Key", derive_k256_key);
  prpc_service_handle(service, "TdxQuote", tdx_quote);
  prpc_service_handle(service, "RawQuote", raw_quote);
  prpc_service_handle(service, "Info", handle_info);
  prpc_service_handle(service, "Version", handle_version);
  prpc_service_quick(service, "Version");
  return service;
}
