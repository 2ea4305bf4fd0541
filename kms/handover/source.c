#include "kms/handover/source.h"

#include "kms/sealed_keys.h"
#include "kms/wire.h"

#include "base/error.h"
#include "crypto/x509.h"
#include "kms.pb-c.h"
#include "prpc/client.h"
#include "ratls/evidence.h"
#include "ratls/tls.h"
#include "tdx/report_data.h"

#include <string.h>

#define USAGE "kms:rpc"

typedef Kms__GetTempCaCertResponse TempCa;

/* What is known about the source. */
typedef struct {
  GBytes *certificate; /* DER of the first connection */
  GBytes *spki;
} Source;

static void source_clear(Source *source) {
  g_clear_pointer(&source->certificate, g_bytes_unref);
  g_clear_pointer(&source->spki, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Source, source_clear)

static void temp_ca_free(TempCa *answer) { prpc_message_free(&answer->base); }
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TempCa, temp_ca_free)

static gboolean check_usage(X509 *certificate, GError **error) {
  g_autofree char *usage = NULL;
  if (!ratls_cert_usage(certificate, &usage, error))
    return FALSE;
  if (g_strcmp0(usage, USAGE) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "certificate of the source is not for " USAGE);
  return FALSE;
}

/* Inside the first handshake. */
static gboolean note_certificate(X509 *certificate, gpointer user_data, GError **error) {
  Source *source = user_data;
  if (!check_usage(certificate, error))
    return FALSE;
  if (!ratls_cert_carries_evidence(certificate)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "certificate of the source carries no attestation");
    return FALSE;
  }
  source_clear(source);
  source->certificate = cert_to_der(certificate);
  source->spki = cert_spki(certificate);
  return TRUE;
}

/* Inside the second: the same key, whatever else changed. */
static gboolean check_pin(X509 *certificate, gpointer user_data, GError **error) {
  const Source *source = user_data;
  g_autoptr(GBytes) spki = cert_spki(certificate);
  if (g_bytes_equal(spki, source->spki))
    return check_usage(certificate, error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "source is not the one that was attested");
  return FALSE;
}

static PrpcClient *open_client(const char *url, const TlsClientOptions *options, PrpcServerCheck check, Source *source,
                               GError **error) {
  g_autoptr(SSL_CTX) tls = tls_client_context(options, error);
  g_autoptr(PrpcClient) client = tls ? prpc_client_new(url, error) : NULL;
  if (!client)
    return NULL;
  prpc_client_set_tls(client, tls, FALSE); /* its key says who it is, not its name */
  prpc_client_set_server_check(client, check, source);
  return g_steal_pointer(&client);
}

static gboolean judge(const SourceRequest *request, const Source *source, GError **error) {
  g_autoptr(WireBuffer) question = wire_buffer_new(HANDOVER_JUDGE);
  wire_put_bytes(question, source->certificate);
  g_autoptr(WireBuffer) verdict = wire_call(request->front, question, WIRE_MAX_FRAME, error);
  return verdict != NULL;
}

static TempCa *get_temp_ca(const SourceRequest *request, Source *source, GError **error) {
  g_autoptr(PrpcClient) client =
      open_client(request->url, &(TlsClientOptions){.insecure_no_verify = TRUE}, note_certificate, source, error);
  g_autoptr(TempCa) answer =
      client ? (TempCa *)prpc_client_call(client, "GetTempCaCert", NULL, &kms__get_temp_ca_cert_response__descriptor,
                                          error)
             : NULL;
  return answer && judge(request, source, error) ? g_steal_pointer(&answer) : NULL;
}

static gboolean take_quote(int front, EVP_PKEY *key, GBytes **quote, GBytes **event_log, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(GBytes) spki = p256_spki(key);
  report_data_ratls(spki, report_data);
  g_autoptr(WireBuffer) question = wire_buffer_new(HANDOVER_QUOTE);
  wire_put_fixed(question, report_data, sizeof report_data);
  g_autoptr(WireBuffer) answer = wire_call(front, question, WIRE_MAX_FRAME, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  *quote = wire_get_bytes(&body, KMS_MAX_QUOTE);
  *event_log = wire_get_bytes(&body, KMS_MAX_EVENT_LOG);
  return reader_finish(&body, "quote", error);
}

static X509 *certify(int front, const TempCa *temp_ca, EVP_PKEY *key, GError **error) {
  g_autoptr(X509) issuer = cert_from_pem(temp_ca->temp_ca_cert, strlen(temp_ca->temp_ca_cert), error);
  g_autoptr(EVP_PKEY) issuer_key =
      issuer ? p256_from_pem(temp_ca->temp_ca_key, strlen(temp_ca->temp_ca_key), error) : NULL;
  if (!issuer_key) {
    g_prefix_error(error, "temp ca of the source: ");
    return NULL;
  }
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  if (!take_quote(front, key, &quote, &event_log, error))
    return NULL;
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, event_log}};
  CertSpec spec = {.common_name = "RA-TLS TEMP Cert",
                   .ca_path_len = -1,
                   .extensions = extensions,
                   .n_extensions = G_N_ELEMENTS(extensions)};
  return cert_build(&spec, key, issuer, issuer_key, error);
}

static PrpcClient *open_pinned(const SourceRequest *request, Source *source, const TempCa *temp_ca, EVP_PKEY *key,
                               GError **error) {
  g_autoptr(X509) certificate = certify(request->front, temp_ca, key, error);
  if (!certificate)
    return NULL;
  g_autofree char *pem = cert_to_pem(certificate);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  const TlsClientOptions options = {.ca_pem = temp_ca->ca_cert, .cert_pem = pem, .key_pem = key_pem};
  return open_client(request->url, &options, check_pin, source, error);
}

static Kms__KmsKeyResponse *get_kms_key(PrpcClient *client, const SourceRequest *request, EVP_PKEY *key,
                                        GError **error) {
  guint8 statement[KMS_RECIPIENT_STATEMENT_SIZE];
  sealed_keys_statement(request->recipient, statement);
  g_autoptr(GBytes) signature = p256_sign(key, statement, sizeof statement);
  Kms__GetKmsKeyRequest question = KMS__GET_KMS_KEY_REQUEST__INIT;
  question.vm_config = (char *)request->vm_config; /* protobuf-c has no const; the call only reads */
  question.recipient = (ProtobufCBinaryData){KMS_RECIPIENT_SIZE, (guint8 *)request->recipient};
  question.recipient_signature.data = (guint8 *)g_bytes_get_data(signature, &question.recipient_signature.len);
  return (Kms__KmsKeyResponse *)prpc_client_call(client, "GetKmsKey", &question.base,
                                                 &kms__kms_key_response__descriptor, error);
}

/* A source of the reference knows of no recipient: its keys are sealed here, the first place they come to. */
static GBytes *seal_plain(const Kms__KmsKeyResponse *answer, const guint8 *recipient, GError **error) {
  if (answer->n_keys != 1 || answer->keys[0]->k256_key.len != KMS_DERIVED_KEY_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid keys from the source");
    return NULL;
  }
  const Kms__KmsKeys *keys = answer->keys[0];
  g_auto(SealedKeys) plain = {.temp_ca = secret_new(answer->temp_ca_key, strlen(answer->temp_ca_key)),
                              .root_ca = secret_new(keys->ca_key, strlen(keys->ca_key)),
                              .k256 = secret_new(keys->k256_key.data, keys->k256_key.len)};
  secret_wipe(keys->ca_key, strlen(keys->ca_key));
  secret_wipe(keys->k256_key.data, keys->k256_key.len);
  return sealed_keys_seal(&plain, recipient, error);
}

static GBytes *ca_key(const TempCa *temp_ca, GError **error) {
  g_autoptr(X509) ca = cert_from_pem(temp_ca->ca_cert, strlen(temp_ca->ca_cert), error);
  if (ca)
    return cert_spki(ca);
  g_prefix_error(error, "root ca of the source: ");
  return NULL;
}

gboolean source_fetch(const SourceRequest *request, GBytes **sealed, GBytes **ca_spki, GError **error) {
  g_auto(Source) source = {0};
  g_autoptr(TempCa) temp_ca = get_temp_ca(request, &source, error);
  g_autoptr(GBytes) spki = temp_ca ? ca_key(temp_ca, error) : NULL;
  if (!spki)
    return FALSE;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(PrpcClient) client = open_pinned(request, &source, temp_ca, key, error);
  g_autoptr(PrpcMessage) message = client ? (PrpcMessage *)get_kms_key(client, request, key, error) : NULL;
  if (!message)
    return FALSE;
  const Kms__KmsKeyResponse *answer = (const Kms__KmsKeyResponse *)message;
  *sealed = answer->sealed_keys.len ? prpc_get_gbytes(&answer->sealed_keys)
                                    : seal_plain(answer, request->recipient, error);
  *ca_spki = g_steal_pointer(&spki);
  return *sealed != NULL;
}
