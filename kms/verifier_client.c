#include "kms/verifier_client.h"

#include "kms/wire.h"

struct VerifierClient {
  GAsyncQueue *free_lanes; /* descriptors */
};

VerifierClient *verifier_client_new(const int *lanes, guint n_lanes) {
  VerifierClient *client = g_new0(VerifierClient, 1);
  client->free_lanes = g_async_queue_new();
  for (guint i = 0; i < n_lanes; i++)
    g_async_queue_push(client->free_lanes, GINT_TO_POINTER(lanes[i]));
  return client;
}

void verifier_client_free(VerifierClient *client) {
  if (!client)
    return;
  g_async_queue_unref(client->free_lanes);
  g_free(client);
}

static WireBuffer *call(VerifierClient *client, const WireBuffer *request, GError **error) {
  gpointer lane = g_async_queue_pop(client->free_lanes);
  WireBuffer *answer = wire_call(GPOINTER_TO_INT(lane), request, WIRE_MAX_FRAME, error);
  g_async_queue_push(client->free_lanes, lane);
  return answer;
}

gboolean verifier_client_check(VerifierClient *client, GBytes *certificate, gboolean *attested, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_CHECK_CERTIFICATE);
  wire_put_bytes(request, certificate);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  *attested = reader_u8(&body) != 0;
  return reader_finish(&body, "certificate verdict", error);
}

void app_authorization_clear(AppAuthorization *authorization) {
  g_clear_pointer(&authorization->gateway_app_id, g_free);
}

/* A question about the bearer of a certificate: more may follow. */
static WireBuffer *caller_request(guint8 type, GBytes *certificate, const char *vm_config) {
  WireBuffer *request = wire_buffer_new(type);
  wire_put_bytes(request, certificate);
  wire_put_text(request, vm_config);
  return request;
}

gboolean verifier_client_authorize(VerifierClient *client, GBytes *certificate, const char *vm_config,
                                   AppAuthorization *out, GError **error) {
  g_autoptr(WireBuffer) request = caller_request(VERIFIER_AUTHORIZE_APP, certificate, vm_config);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  reader_copy(&body, out->grant, sizeof out->grant);
  out->gateway_app_id = wire_get_text(&body, WIRE_MAX_FRAME);
  reader_copy(&body, out->os_image_hash, sizeof out->os_image_hash);
  return reader_finish(&body, "authorization", error);
}

gboolean verifier_client_authorize_kms(VerifierClient *client, GBytes *certificate, const char *vm_config,
                                       guint8 grant[KMS_GRANT_SIZE], GError **error) {
  g_autoptr(WireBuffer) request = caller_request(VERIFIER_AUTHORIZE_KMS, certificate, vm_config);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  reader_copy(&body, grant, KMS_GRANT_SIZE);
  return reader_finish(&body, "authorization", error);
}

gboolean verifier_client_judge_source(VerifierClient *client, GBytes *certificate, const char *vm_config,
                                      GError **error) {
  g_autoptr(WireBuffer) request = caller_request(VERIFIER_JUDGE_SOURCE, certificate, vm_config);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  return answer != NULL;
}

gboolean verifier_client_present_self(VerifierClient *client, GBytes *quote, GBytes *event_log, const char *vm_config,
                                      SelfFacts *out, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_SELF);
  wire_put_bytes(request, quote);
  wire_put_bytes(request, event_log);
  wire_put_text(request, vm_config);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  reader_copy(&body, out->device_id, sizeof out->device_id);
  reader_copy(&body, out->mr_aggregated, sizeof out->mr_aggregated);
  reader_copy(&body, out->os_image_hash, sizeof out->os_image_hash);
  reader_copy(&body, out->ppid, sizeof out->ppid);
  return reader_finish(&body, "own facts", error);
}

gboolean verifier_client_self_allowed(VerifierClient *client, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_SELF_ALLOWED);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  return answer != NULL;
}

gboolean verifier_client_sign(VerifierClient *client, guint version, GBytes *csr, GBytes *signature,
                              const char *vm_config, char **leaf, char **app_ca, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_SIGN_CERT);
  wire_put_u8(request, (guint8)version);
  wire_put_bytes(request, csr);
  wire_put_bytes(request, signature);
  wire_put_text(request, vm_config);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  g_autofree char *leaf_pem = wire_get_text(&body, WIRE_MAX_FRAME);
  g_autofree char *app_ca_pem = wire_get_text(&body, KMS_MAX_PEM);
  if (!reader_finish(&body, "signed certificate", error))
    return FALSE;
  *leaf = g_steal_pointer(&leaf_pem);
  *app_ca = g_steal_pointer(&app_ca_pem);
  return TRUE;
}

gboolean verifier_client_clear_images(VerifierClient *client, const char *image_hash, const char *config_hash,
                                      GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_CLEAR_IMAGES);
  wire_put_text(request, image_hash);
  wire_put_text(request, config_hash);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  return reader_finish(&body, "cleared images", error);
}

void auth_facts_clear(AuthFacts *facts) {
  g_clear_pointer(&facts->gateway_app_id, g_free);
  g_clear_pointer(&facts->contract, g_free);
  g_clear_pointer(&facts->implementation, g_free);
  g_clear_pointer(&facts->rpc_url, g_free);
}

gboolean verifier_client_facts(VerifierClient *client, AuthFacts *out, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_AUTH_INFO);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  out->gateway_app_id = wire_get_text(&body, WIRE_MAX_FRAME);
  out->has_chain = reader_u8(&body) != 0;
  out->contract = wire_get_text(&body, WIRE_MAX_FRAME);
  out->chain_id = reader_u64be(&body);
  out->implementation = wire_get_text(&body, WIRE_MAX_FRAME);
  out->rpc_url = wire_get_text(&body, WIRE_MAX_FRAME);
  return reader_finish(&body, "authorization facts", error);
}
