#include "appkeys/kms_client.h"

#include "base/error.h"
#include "ratls/tls.h"

#include <string.h>

#define USAGE "kms:rpc"

static gboolean check_usage(X509 *certificate, GError **error) {
  g_autofree char *usage = NULL;
  if (!ratls_cert_usage(certificate, &usage, error))
    return FALSE;
  if (g_strcmp0(usage, USAGE) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "%s server cert usage", usage ? "invalid" : "missing");
  return FALSE;
}

static gboolean check_evidence(X509 *certificate, KmsServerCheck *check, GError **error) {
  if (!ratls_cert_carries_evidence(certificate))
    return TRUE;
  if (!check->verifier) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
                "the kms's certificate carries a quote, and nothing is set up to verify it");
    return FALSE;
  }
  g_autoptr(VerifiedEvidence) evidence = NULL;
  if (!ratls_verify_certificate(check->verifier, certificate, &evidence, error)) {
    g_prefix_error(error, "the kms's quote: ");
    return FALSE;
  }
  g_clear_pointer(&check->mr_aggregated, g_bytes_unref);
  check->mr_aggregated = g_bytes_new(evidence->app_info->mr_aggregated, sizeof evidence->app_info->mr_aggregated);
  return TRUE;
}

static gboolean check_server(X509 *certificate, gpointer user_data, GError **error) {
  KmsServerCheck *check = user_data;
  return check_usage(certificate, error) && (!check->judge_evidence || check_evidence(certificate, check, error));
}

static PrpcClient *client_with(const char *base_url, const TlsClientOptions *tls, GError **error) {
  g_autoptr(SSL_CTX) context = tls_client_context(tls, error);
  g_autoptr(PrpcClient) client = context ? prpc_client_new(base_url, error) : NULL;
  if (!client)
    return NULL;
  prpc_client_set_tls(client, context, !tls->insecure_no_verify);
  return g_steal_pointer(&client);
}

PrpcClient *kms_client_unverified(const char *base_url, GError **error) {
  return client_with(base_url, &(TlsClientOptions){.insecure_no_verify = TRUE}, error);
}

PrpcClient *kms_client_new(const char *base_url, const char *ca_cert, const KmsCredential *credential,
                           KmsServerCheck *check, GError **error) {
  const TlsClientOptions tls = {.ca_pem = ca_cert, .cert_pem = credential->cert_pem, .key_pem = credential->key_pem};
  PrpcClient *client = client_with(base_url, &tls, error);
  if (client)
    prpc_client_set_server_check(client, check_server, check);
  return client;
}
