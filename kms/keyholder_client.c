#include "kms/keyholder_client.h"

#include "kms/wire.h"

struct KeyholderClient {
  int fd;
  GMutex lock; /* one request at a time */
};

KeyholderClient *keyholder_client_new(int fd) {
  KeyholderClient *client = g_new0(KeyholderClient, 1);
  client->fd = fd;
  g_mutex_init(&client->lock);
  return client;
}

void keyholder_client_free(KeyholderClient *client) {
  if (!client)
    return;
  g_mutex_clear(&client->lock);
  g_free(client);
}

static WireBuffer *call(KeyholderClient *client, const WireBuffer *request, GError **error) {
  g_mutex_lock(&client->lock);
  WireBuffer *answer = wire_call(client->fd, request, WIRE_MAX_FRAME, error);
  g_mutex_unlock(&client->lock);
  return answer;
}

static WireBuffer *call_simple(KeyholderClient *client, guint8 type, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(type);
  return call(client, request, error);
}

void keyholder_state_clear(KeyholderState *state) {
  g_clear_pointer(&state->missing, g_free);
  g_clear_pointer(&state->domain, g_free);
  g_clear_pointer(&state->bootstrap_info, g_free);
}

gboolean keyholder_client_state(KeyholderClient *client, KeyholderState *out, GError **error) {
  g_autoptr(WireBuffer) answer = call_simple(client, KEYHOLDER_STATE, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  out->complete = reader_u8(&body) != 0;
  out->has_root_keys = reader_u8(&body) != 0;
  out->missing = wire_get_text(&body, KMS_MAX_NAME);
  out->domain = wire_get_text(&body, KMS_MAX_DOMAIN);
  out->bootstrap_info = wire_get_text(&body, KMS_MAX_BOOTSTRAP_INFO);
  return reader_finish(&body, "key holder state", error);
}

void keyholder_public_keys_clear(KeyholderPublicKeys *keys) {
  g_clear_pointer(&keys->rpc_spki, g_bytes_unref);
  g_clear_pointer(&keys->root_spki, g_bytes_unref);
}

static gboolean take_public_keys(const WireBuffer *answer, KeyholderPublicKeys *out, GError **error) {
  Reader body = wire_body(answer);
  out->rpc_spki = wire_get_bytes(&body, KMS_MAX_NAME);
  out->root_spki = wire_get_bytes(&body, KMS_MAX_NAME);
  reader_copy(&body, out->k256_public, sizeof out->k256_public);
  return reader_finish(&body, "new keys", error);
}

gboolean keyholder_client_generate(KeyholderClient *client, KeyholderPublicKeys *out, GError **error) {
  g_autoptr(WireBuffer) answer = call_simple(client, KEYHOLDER_GENERATE, error);
  return answer && take_public_keys(answer, out, error);
}

gboolean keyholder_client_recipient(KeyholderClient *client, guint8 recipient[KMS_RECIPIENT_SIZE], GError **error) {
  g_autoptr(WireBuffer) answer = call_simple(client, KEYHOLDER_RECIPIENT, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  reader_copy(&body, recipient, KMS_RECIPIENT_SIZE);
  return reader_finish(&body, "recipient", error);
}

gboolean keyholder_client_adopt(KeyholderClient *client, GBytes *sealed, GBytes *ca_spki, KeyholderPublicKeys *out,
                                GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_ADOPT);
  wire_put_bytes(request, sealed);
  wire_put_bytes(request, ca_spki);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  return answer && take_public_keys(answer, out, error);
}

static WireBuffer *issue_request(guint8 type, const KeyholderIssue *issue) {
  WireBuffer *request = wire_buffer_new(type);
  wire_put_text(request, issue->domain);
  wire_put_bytes(request, issue->quote);
  wire_put_bytes(request, issue->event_log);
  wire_put_bytes(request, issue->attestation);
  return request;
}

gboolean keyholder_client_store(KeyholderClient *client, const KeyholderIssue *issue, const char *bootstrap_info,
                                GError **error) {
  g_autoptr(WireBuffer) request = issue_request(KEYHOLDER_STORE, issue);
  wire_put_text(request, bootstrap_info);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  return answer != NULL;
}

GBytes *keyholder_client_load(KeyholderClient *client, GError **error) {
  g_autoptr(WireBuffer) answer = call_simple(client, KEYHOLDER_LOAD, error);
  if (!answer)
    return NULL;
  Reader body = wire_body(answer);
  g_autoptr(GBytes) rpc_spki = wire_get_bytes(&body, KMS_MAX_NAME);
  return reader_finish(&body, "loaded keys", error) ? g_steal_pointer(&rpc_spki) : NULL;
}

gboolean keyholder_client_reissue(KeyholderClient *client, const KeyholderIssue *issue, GError **error) {
  g_autoptr(WireBuffer) request = issue_request(KEYHOLDER_REISSUE, issue);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  return answer != NULL;
}

void keyholder_material_clear(KeyholderMaterial *material) {
  g_clear_pointer(&material->root_ca_cert, g_free);
  g_clear_pointer(&material->temp_ca_cert, g_free);
  g_clear_pointer(&material->rpc_cert, g_free);
  g_clear_pointer(&material->temp_ca_key, secret_free);
  g_clear_pointer(&material->rpc_key, secret_free);
}

gboolean keyholder_client_seal(KeyholderClient *client, KeyholderMaterial *out, GError **error) {
  g_autoptr(WireBuffer) answer = call_simple(client, KEYHOLDER_SEAL, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  out->root_ca_cert = wire_get_text(&body, KMS_MAX_PEM);
  out->temp_ca_cert = wire_get_text(&body, KMS_MAX_PEM);
  out->temp_ca_key = wire_get_secret(&body, KMS_MAX_PEM);
  out->rpc_cert = wire_get_text(&body, WIRE_MAX_FRAME);
  out->rpc_key = wire_get_secret(&body, KMS_MAX_PEM);
  reader_copy(&body, out->k256_public, sizeof out->k256_public);
  return reader_finish(&body, "sealed material", error);
}

gboolean keyholder_client_env_key(KeyholderClient *client, const guint8 app_id[KMS_APP_ID_SIZE], KeyholderEnvKey *out,
                                  GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_ENV_KEY);
  wire_put_fixed(request, app_id, KMS_APP_ID_SIZE);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  reader_copy(&body, out->public_key, sizeof out->public_key);
  reader_copy(&body, out->signature, sizeof out->signature);
  out->timestamp = reader_u64be(&body);
  reader_copy(&body, out->signature_v1, sizeof out->signature_v1);
  return reader_finish(&body, "env key", error);
}

void keyholder_app_keys_clear(KeyholderAppKeys *keys) {
  g_clear_pointer(&keys->disk, secret_free);
  g_clear_pointer(&keys->env, secret_free);
  g_clear_pointer(&keys->k256, secret_free);
}

static Secret *take_key(Reader *body) {
  Secret *key = secret_new_zero(KMS_DERIVED_KEY_SIZE);
  reader_copy(body, secret_data(key), KMS_DERIVED_KEY_SIZE);
  return key;
}

gboolean keyholder_client_app_keys(KeyholderClient *client, const guint8 grant[KMS_GRANT_SIZE], KeyholderAppKeys *out,
                                   GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_APP_KEYS);
  wire_put_fixed(request, grant, KMS_GRANT_SIZE);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  out->disk = take_key(&body);
  out->env = take_key(&body);
  out->k256 = take_key(&body);
  reader_copy(&body, out->k256_signature, sizeof out->k256_signature);
  return reader_finish(&body, "app keys", error);
}

GBytes *keyholder_client_sealed_root(KeyholderClient *client, const guint8 grant[KMS_GRANT_SIZE],
                                     const guint8 recipient[KMS_RECIPIENT_SIZE], GBytes *signature, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_SEALED_ROOT);
  wire_put_fixed(request, grant, KMS_GRANT_SIZE);
  wire_put_fixed(request, recipient, KMS_RECIPIENT_SIZE);
  wire_put_bytes(request, signature);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return NULL;
  Reader body = wire_body(answer);
  g_autoptr(GBytes) sealed = wire_get_bytes(&body, KMS_MAX_SEALED);
  return reader_finish(&body, "sealed root keys", error) ? g_steal_pointer(&sealed) : NULL;
}

void keyholder_root_keys_clear(KeyholderRootKeys *keys) {
  g_clear_pointer(&keys->temp_ca_key, secret_free);
  g_clear_pointer(&keys->root_ca_key, secret_free);
  g_clear_pointer(&keys->k256, secret_free);
}

gboolean keyholder_client_plain_root(KeyholderClient *client, const guint8 grant[KMS_GRANT_SIZE],
                                     KeyholderRootKeys *out, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_PLAIN_ROOT);
  wire_put_fixed(request, grant, KMS_GRANT_SIZE);
  g_autoptr(WireBuffer) answer = call(client, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  out->temp_ca_key = wire_get_secret(&body, KMS_MAX_PEM);
  out->root_ca_key = wire_get_secret(&body, KMS_MAX_PEM);
  out->k256 = take_key(&body);
  return reader_finish(&body, "root keys", error);
}
