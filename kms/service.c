#include "kms/service.h"

#include "kms/kms_key.h"
#include "kms/long_version.h"
#include "kms/self.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "kms.pb-c.h"

#include <string.h>

#define MAX_API_VERSION 1 /* of GetAppKey */
#define CSR_V2 2

gboolean kms_service_authenticate(X509 *certificate, gpointer user_data, gpointer *identity, GError **error) {
  (void)identity; /* handlers pass the certificate itself on */
  KmsService *service = user_data;
  g_autoptr(GBytes) der = cert_to_der(certificate);
  gboolean attested;
  return verifier_client_check(service->verifier, der, &attested, error);
}

GBytes *kms_service_certificate(PrpcCall *call) {
  X509 *certificate = prpc_call_certificate(call);
  return certificate ? cert_to_der(certificate) : g_bytes_new(NULL, 0);
}

static gboolean wrong_api_version(guint32 version, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported API version: %u", version);
  return FALSE;
}

static void fill_app_key(Kms__AppKeyResponse *answer, const KmsService *service, const AppAuthorization *authorization,
                         const KeyholderAppKeys *keys) {
  prpc_set_string(&answer->ca_cert, service->material->root_ca_cert);
  prpc_set_bytes(&answer->disk_crypt_key, secret_peek(keys->disk), secret_len(keys->disk));
  prpc_set_bytes(&answer->env_crypt_key, secret_peek(keys->env), secret_len(keys->env));
  prpc_set_bytes(&answer->k256_key, secret_peek(keys->k256), secret_len(keys->k256));
  prpc_set_bytes(&answer->k256_signature, keys->k256_signature, sizeof keys->k256_signature);
  prpc_set_string(&answer->tproxy_app_id, authorization->gateway_app_id);
  prpc_set_string(&answer->gateway_app_id, authorization->gateway_app_id);
  prpc_set_bytes(&answer->os_image_hash, authorization->os_image_hash, sizeof authorization->os_image_hash);
}

static gboolean get_app_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                            gpointer user_data, GError **error) {
  KmsService *service = user_data;
  const Kms__GetAppKeyRequest *args = (const Kms__GetAppKeyRequest *)request;
  if (args->api_version > MAX_API_VERSION)
    return wrong_api_version(args->api_version, error);
  g_autoptr(GBytes) certificate = kms_service_certificate(call);
  g_auto(AppAuthorization) authorization = {0};
  g_auto(KeyholderAppKeys) keys = {0};
  if (!verifier_client_authorize(service->verifier, certificate, args->vm_config, &authorization, error) ||
      !keyholder_client_app_keys(service->keyholder, authorization.grant, &keys, error))
    return FALSE;
  fill_app_key((Kms__AppKeyResponse *)response, service, &authorization, &keys);
  return TRUE;
}

/* For the methods that the verifier has no part in; in the others it asks itself. */
static gboolean require_self(const KmsService *service, GError **error) {
  return !self_authorization_enforced(service->config) || verifier_client_self_allowed(service->verifier, error);
}

static gboolean get_env_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                            gpointer user_data, GError **error) {
  (void)call;
  KmsService *service = user_data;
  const Kms__AppId *args = (const Kms__AppId *)request;
  if (args->app_id.len != KMS_APP_ID_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "app id must have %d bytes", KMS_APP_ID_SIZE);
    return FALSE;
  }
  KeyholderEnvKey key;
  if (!require_self(service, error) || !keyholder_client_env_key(service->keyholder, args->app_id.data, &key, error))
    return FALSE;
  Kms__PublicKeyResponse *answer = (Kms__PublicKeyResponse *)response;
  prpc_set_bytes(&answer->public_key, key.public_key, sizeof key.public_key);
  prpc_set_bytes(&answer->signature, key.signature, sizeof key.signature);
  prpc_set_bytes(&answer->signature_v1, key.signature_v1, sizeof key.signature_v1);
  answer->timestamp = key.timestamp;
  return TRUE;
}

/* Facts that the webhook knows: nice to have, so that a webhook that is down does not take the static part along. */
static void add_auth_facts(KmsService *service, ProtobufCMessage *response) {
  g_auto(AuthFacts) facts = {0};
  g_autoptr(GError) error = NULL;
  if (!verifier_client_facts(service->verifier, &facts, &error)) {
    log_warn("metadata is answered without the webhook's part: %s", error->message);
    return;
  }
  prpc_set_optional_string(response, "gateway_app_id", facts.gateway_app_id);
  if (!facts.has_chain)
    return;
  prpc_set_optional_string(response, "kms_contract_address", facts.contract);
  prpc_set_optional_uint(response, "chain_id", facts.chain_id);
  prpc_set_optional_string(response, "app_auth_implementation", facts.implementation);
}

static gboolean get_meta(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                         gpointer user_data, GError **error) {
  (void)call, (void)request, (void)error; /* takes no arguments and always has an answer */
  KmsService *service = user_data;
  Kms__GetMetaResponse *answer = (Kms__GetMetaResponse *)response;
  gboolean is_dev = service->config->auth_type == AUTH_DEV;
  prpc_set_string(&answer->ca_cert, service->material->root_ca_cert);
  prpc_set_bytes(&answer->k256_pubkey, service->material->k256_public, sizeof service->material->k256_public);
  answer->allow_any_upgrade = is_dev;
  answer->is_dev = is_dev;
  if (*service->bootstrap_info) /* an unreadable one stays null */
    answer->bootstrap_info = (Kms__BootstrapResponse *)prpc_message_from_json(
        &kms__bootstrap_response__descriptor, service->bootstrap_info, strlen(service->bootstrap_info), NULL);
  add_auth_facts(service, response);
  return TRUE;
}

static gboolean get_temp_ca_cert(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                 gpointer user_data, GError **error) {
  (void)call, (void)request; /* the temp CA is public: anybody may have it, and it proves nothing */
  const KmsService *service = user_data;
  const KeyholderMaterial *material = service->material;
  if (!require_self(service, error))
    return FALSE;
  Kms__GetTempCaCertResponse *answer = (Kms__GetTempCaCertResponse *)response;
  g_autofree char *key = g_strndup((const char *)secret_peek(material->temp_ca_key), secret_len(material->temp_ca_key));
  prpc_set_string(&answer->temp_ca_cert, material->temp_ca_cert);
  prpc_set_string(&answer->temp_ca_key, key);
  prpc_set_string(&answer->ca_cert, material->root_ca_cert);
  return TRUE;
}

static void fill_chain(Kms__SignCertResponse *answer, const char *leaf, const char *app_ca, const char *root_ca) {
  answer->n_certificate_chain = 3;
  answer->certificate_chain = g_new0(char *, 3);
  answer->certificate_chain[0] = g_strdup(leaf);
  answer->certificate_chain[1] = g_strdup(app_ca);
  answer->certificate_chain[2] = g_strdup(root_ca);
}

static gboolean sign_cert(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                          gpointer user_data, GError **error) {
  (void)call; /* the evidence is inside the request */
  KmsService *service = user_data;
  const Kms__SignCertRequest *args = (const Kms__SignCertRequest *)request;
  if (args->api_version > CSR_V2)
    return wrong_api_version(args->api_version, error);
  g_autoptr(GBytes) csr = prpc_get_gbytes(&args->csr);
  g_autoptr(GBytes) signature = prpc_get_gbytes(&args->signature);
  g_autofree char *leaf = NULL, *app_ca = NULL;
  if (!verifier_client_sign(service->verifier, MAX(args->api_version, 1), csr, signature, args->vm_config, &leaf,
                            &app_ca, error))
    return FALSE;
  fill_chain((Kms__SignCertResponse *)response, leaf, app_ca, service->material->root_ca_cert);
  return TRUE;
}

static gboolean is_admin_token(const KmsService *service, const char *token) {
  guint8 expected[SHA256_SIZE], actual[SHA256_SIZE];
  const char *hex = service->config->admin_token_hash;
  digest_sha256(token, strlen(token), actual);
  return hex && hex_decode_fixed(hex, expected, sizeof expected, NULL) &&
         bytes_equal_constant_time(expected, actual, sizeof actual);
}

static gboolean clear_image_cache(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                  gpointer user_data, GError **error) {
  (void)call, (void)response; /* the token is in the request, and the answer is empty */
  KmsService *service = user_data;
  const Kms__ClearImageCacheRequest *args = (const Kms__ClearImageCacheRequest *)request;
  if (is_admin_token(service, args->token))
    return verifier_client_clear_images(service->verifier, args->image_hash, args->config_hash, error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "invalid token");
  return FALSE;
}

static void answer_health(PrpcHttpRequest *request, gpointer user_data) {
  (void)user_data;
  prpc_http_reply(request, 200, "text/plain", "OK", 2, NULL);
}

static void set_limits(PrpcService *methods, const KmsConfig *config) {
  for (guint i = 0; i < config->limits->len; i++) {
    const MethodLimit *limit = &g_array_index(config->limits, MethodLimit, i);
    prpc_service_limit(methods, limit->name, limit->bytes);
  }
}

PrpcRouter *kms_service_router(KmsService *service) {
  PrpcService *methods = prpc_service_new(&kms__kms__descriptor, "KMS.", service);
  prpc_service_handle(methods, "GetAppKey", get_app_key);
  prpc_service_handle(methods, "GetKmsKey", kms_key_answer);
  prpc_service_handle(methods, "GetAppEnvEncryptPubKey", get_env_key);
  prpc_service_handle(methods, "GetMeta", get_meta);
  prpc_service_handle(methods, "GetTempCaCert", get_temp_ca_cert);
  prpc_service_handle(methods, "SignCert", sign_cert);
  prpc_service_handle(methods, "ClearImageCache", clear_image_cache);
  set_limits(methods, service->config);
  PrpcRouter *router = prpc_router_new("DStack KMS");
  g_autofree char *version = g_strconcat("X-App-Version: ", kms_long_version(), NULL);
  prpc_router_header(router, version);
  prpc_router_mount(router, "/prpc", methods);
  prpc_router_route(router, "GET", "/health", 0, answer_health, NULL);
  prpc_router_observe(router, kms_metrics_count, service->metrics);
  if (service->config->metrics_enabled)
    prpc_router_route(router, "GET", "/metrics", 0, kms_metrics_answer, service->metrics);
  return router;
}
