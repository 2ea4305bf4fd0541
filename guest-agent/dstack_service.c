#include "guest-agent/app_key_cache.h"
#include "guest-agent/handlers.h"
#include "guest-agent/quotes.h"
#include "guest-agent/services.h"
#include "guest-agent/signing.h"
#include "guest-agent/tls_key.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

#define GPU_ATTESTATION_FILE "/run/nvidia-gpu-attestation/attestation.out"
#define GPU_ATTESTATION_MAX_SIZE (4 * 1024 * 1024)

/* ---- keys ---- */

static gboolean get_tls_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error) {
  (void)call;
  const DstackGuest__GetTlsKeyArgs *args = (const DstackGuest__GetTlsKeyArgs *)request;
  g_autofree const char **alt_names = tls_key_alt_names(args->alt_names, args->n_alt_names);
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
  g_autoptr(AppKey) key = app_key_cache_get(agent->key_cache, args->path, args->purpose, args->algorithm, error);
  if (!key)
    return FALSE;
  DstackGuest__GetKeyResponse *out = (DstackGuest__GetKeyResponse *)response;
  prpc_set_bytes(&out->key, secret_peek(key->key), secret_len(key->key));
  out->signature_chain = app_key_signature_chain(agent->keys, key, &out->n_signature_chain);
  return TRUE;
}

/* ---- evidence ---- */

static gboolean get_quote(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                          GError **error) {
  (void)call;
  Agent *agent = data;
  const DstackGuest__RawQuoteArgs *args = (const DstackGuest__RawQuoteArgs *)request;
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  return quote_report_data(&args->report_data, report_data, error) &&
         quote_respond(agent, report_data, agent->sys_config->vm_config, (DstackGuest__GetQuoteResponse *)response,
                       error);
}

static gboolean attest(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                       GError **error) {
  (void)call;
  const DstackGuest__RawQuoteArgs *args = (const DstackGuest__RawQuoteArgs *)request;
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  if (!quote_report_data(&args->report_data, report_data, error))
    return FALSE;
  g_autoptr(GBytes) attestation = quote_attestation(data, report_data, error);
  if (attestation)
    prpc_set_gbytes(&((DstackGuest__AttestResponse *)response)->attestation, attestation);
  return attestation != NULL;
}

static gboolean emit_event(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                           GError **error) {
  (void)call, (void)response; /* Empty */
  Agent *agent = data;
  const DstackGuest__EmitEventArgs *args = (const DstackGuest__EmitEventArgs *)request;
  return tdx_emit_event(agent->platform, args->event, args->payload.data, args->payload.len, error);
}

static gboolean gpu_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                         GError **error) {
  (void)call, (void)request, (void)data, (void)error; /* no file: a machine without such GPUs */
  g_autofree char *text = file_read_text(GPU_ATTESTATION_FILE, GPU_ATTESTATION_MAX_SIZE, NULL);
  prpc_set_string(&((DstackGuest__GpuInfoResponse *)response)->attestation, text);
  return TRUE;
}

/* ---- signatures ---- */

static gboolean sign(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                     GError **error) {
  (void)call;
  Agent *agent = data;
  const DstackGuest__SignRequest *args = (const DstackGuest__SignRequest *)request;
  SigningAlgorithm algorithm;
  guint8 signature[SIGNING_SIGNATURE_SIZE];
  if (!signing_algorithm(args->algorithm, &algorithm, error))
    return FALSE;
  g_autoptr(AppKey) key = signing_key(agent->keys, algorithm, error);
  if (!key || !signing_sign(key, algorithm, args->data.data, args->data.len, signature, error))
    return FALSE;
  DstackGuest__SignResponse *out = (DstackGuest__SignResponse *)response;
  gsize n;
  g_autofree ProtobufCBinaryData *chain = app_key_signature_chain(agent->keys, key, &n);
  out->n_signature_chain = n + 1;
  out->signature_chain = g_new0(ProtobufCBinaryData, n + 1);
  prpc_set_bytes(&out->signature_chain[0], signature, sizeof signature);
  memcpy(&out->signature_chain[1], chain, n * sizeof *chain); /* the bytes themselves move */
  prpc_set_bytes(&out->signature, signature, sizeof signature);
  prpc_set_bytes(&out->public_key, key->public_key, key->public_len);
  return TRUE;
}

static gboolean verify(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                       GError **error) {
  (void)call, (void)data; /* the caller brings the key */
  const DstackGuest__VerifyRequest *args = (const DstackGuest__VerifyRequest *)request;
  SigningAlgorithm algorithm;
  gboolean valid;
  if (!signing_algorithm(args->algorithm, &algorithm, error) ||
      !signing_verify(algorithm, (SigningBytes){args->public_key.data, args->public_key.len},
                      (SigningBytes){args->data.data, args->data.len},
                      (SigningBytes){args->signature.data, args->signature.len}, &valid, error))
    return FALSE;
  ((DstackGuest__VerifyResponse *)response)->valid = valid;
  return TRUE;
}

PrpcService *dstack_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "", agent);
  prpc_service_handle(service, "GetTlsKey", get_tls_key);
  prpc_service_handle(service, "GetKey", get_key);
  prpc_service_quick(service, "GetKey");
  prpc_service_handle(service, "GetQuote", get_quote);
  prpc_service_handle(service, "EmitEvent", emit_event);
  prpc_service_handle(service, "Info", handle_info);
  prpc_service_handle(service, "Attest", attest);
  prpc_service_handle(service, "GpuInfo", gpu_info);
  prpc_service_handle(service, "Sign", sign);
  prpc_service_handle(service, "Verify", verify);
  prpc_service_handle(service, "Version", handle_version);
  prpc_service_quick(service, "Version");
  return service;
}

PrpcService *dstack_probe_service_new(Agent *agent) {
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "Tappd.", agent);
  prpc_service_handle(service, "Info", handle_info);
  return service;
}
