/* The key holder after it was sealed: what leaves it, and on whose word. */
#include "kms/keyholder/handover.h"
#include "kms/keyholder/keyholder_private.h"

#include "base/error.h"

#include <string.h>

static gboolean answer_env_key(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  guint8 app_id[KMS_APP_ID_SIZE];
  reader_copy(body, app_id, sizeof app_id);
  guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC);
  EnvKey key;
  if (!reader_finish(body, "env key request", error) || !env_key_derive(holder->keys, app_id, now, &key, error))
    return FALSE;
  wire_put_fixed(answer, key.public_key, sizeof key.public_key);
  wire_put_fixed(answer, key.signature, sizeof key.signature);
  wire_put_u64(answer, now);
  wire_put_fixed(answer, key.signature_v1, sizeof key.signature_v1);
  return TRUE;
}

static gboolean answer_app_keys(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  guint8 name[KMS_GRANT_SIZE];
  reader_copy(body, name, sizeof name);
  KeyGrant grant;
  g_auto(AppSecrets) secrets = {0};
  if (!reader_finish(body, "app keys request", error) ||
      !grant_table_take(holder->grants, GRANT_APP_KEYS, name, g_get_monotonic_time(), &grant, error) ||
      !app_secrets_derive(holder->keys, grant.facts.app_id,
                          grant.facts.has_instance_id ? grant.facts.instance_id : NULL, &secrets, error) ||
      !audit_release(holder->audit, &grant.facts, NULL, error))
    return FALSE;
  wire_put_fixed(answer, secret_peek(secrets.disk), KMS_DERIVED_KEY_SIZE);
  wire_put_fixed(answer, secret_peek(secrets.env), KMS_DERIVED_KEY_SIZE);
  wire_put_fixed(answer, secret_peek(secrets.k256), KMS_DERIVED_KEY_SIZE);
  wire_put_fixed(answer, secrets.k256_signature, sizeof secrets.k256_signature);
  return TRUE;
}

static void put_grant(KeyHolder *holder, const KeyGrant *grant, WireBuffer *answer) {
  guint8 name[KMS_GRANT_SIZE];
  grant_table_add(holder->grants, grant, g_get_monotonic_time(), name);
  wire_put_fixed(answer, name, sizeof name);
}

/* Only who was proven gets a grant. */
static void read_proven(Reader *body, AuditFacts *facts) {
  audit_facts_get(body, facts);
  if (!facts->proven)
    reader_fail(body);
}

static gboolean answer_grant(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  KeyGrant grant = {.kind = GRANT_APP_KEYS};
  read_proven(body, &grant.facts);
  if (!reader_finish(body, "grant request", error))
    return FALSE;
  put_grant(holder, &grant, answer);
  return TRUE;
}

/* This KMS's own TLS certificate carries evidence too, and the front holds its key: with both it could be its own
 * newcomer. No KMS needs its keys from itself. */
static gboolean refuse_self(const KeyHolder *holder, const guint8 *spki, GError **error) {
  g_autoptr(GBytes) own = p256_spki(holder->keys->rpc);
  if (g_bytes_get_size(own) == P256_SPKI_SIZE && memcmp(g_bytes_get_data(own, NULL), spki, P256_SPKI_SIZE) != 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "the caller is this kms itself");
  return FALSE;
}

static gboolean answer_grant_root(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  KeyGrant grant = {.kind = GRANT_ROOT_KEYS};
  read_proven(body, &grant.facts);
  reader_copy(body, grant.spki, sizeof grant.spki);
  if (!reader_finish(body, "root grant request", error) || !refuse_self(holder, grant.spki, error))
    return FALSE;
  put_grant(holder, &grant, answer);
  return TRUE;
}

static gboolean answer_refusal(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  (void)answer; /* says nothing but that it is recorded */
  AuditFacts facts;
  audit_facts_get(body, &facts);
  g_autofree char *reason = wire_get_text(body, KMS_MAX_NAME);
  return reader_finish(body, "refusal", error) && audit_refusal(holder->audit, &facts, reason, error);
}

static gboolean take_root_grant(KeyHolder *holder, const guint8 *name, KeyGrant *out, GError **error) {
  return grant_table_take(holder->grants, GRANT_ROOT_KEYS, name, g_get_monotonic_time(), out, error);
}

static gboolean answer_sealed_root(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  guint8 name[KMS_GRANT_SIZE], recipient[KMS_RECIPIENT_SIZE];
  reader_copy(body, name, sizeof name);
  reader_copy(body, recipient, sizeof recipient);
  g_autoptr(GBytes) signature = wire_get_bytes(body, KMS_MAX_NAME);
  KeyGrant grant;
  if (!reader_finish(body, "root keys request", error) || !take_root_grant(holder, name, &grant, error) ||
      !handover_check_recipient(grant.spki, recipient, signature, error))
    return FALSE;
  g_autoptr(GBytes) sealed = handover_seal(holder->keys, recipient, error);
  if (!sealed || !audit_release(holder->audit, &grant.facts, NULL, error))
    return FALSE;
  wire_put_bytes(answer, sealed);
  return TRUE;
}

static gboolean answer_plain_root(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  guint8 name[KMS_GRANT_SIZE];
  reader_copy(body, name, sizeof name);
  KeyGrant grant;
  if (!reader_finish(body, "root keys request", error) || !take_root_grant(holder, name, &grant, error))
    return FALSE;
  if (!holder->plain_handover) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED,
                "this kms hands its root keys over sealed to a recipient; for a kms that can't ask for that set "
                "core.onboard.plain_handover here");
    return FALSE;
  }
  if (!audit_release(holder->audit, &grant.facts, NULL, error))
    return FALSE;
  g_autoptr(Secret) temp_ca_key = p256_to_pem(holder->keys->temp_ca);
  g_autoptr(Secret) root_ca_key = p256_to_pem(holder->keys->root_ca);
  wire_put_secret(answer, temp_ca_key);
  wire_put_secret(answer, root_ca_key);
  wire_put_fixed(answer, secret_peek(holder->keys->k256), K256_SCALAR_SIZE);
  return TRUE;
}

/* A LeafRequest with what it borrows. */
typedef struct {
  LeafRequest request;
  AuditFacts facts;
  GBytes *spki;
  char *organization, *common_name;
  GPtrArray *alt_names;
} SignRequest;

static void sign_request_clear(SignRequest *sign) {
  g_clear_pointer(&sign->request.public_key, EVP_PKEY_free);
  g_clear_pointer(&sign->request.evidence.quote, g_bytes_unref);
  g_clear_pointer(&sign->request.evidence.event_log, g_bytes_unref);
  g_clear_pointer(&sign->request.evidence.attestation, g_bytes_unref);
  g_clear_pointer(&sign->request.app_info, g_bytes_unref);
  g_clear_pointer(&sign->spki, g_bytes_unref);
  g_clear_pointer(&sign->alt_names, g_ptr_array_unref);
  g_free(sign->organization);
  g_free(sign->common_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SignRequest, sign_request_clear)

static void read_alt_names(Reader *body, SignRequest *sign) {
  sign->alt_names = g_ptr_array_new_with_free_func(g_free);
  guint8 n = reader_u8(body);
  if (n > KMS_MAX_ALT_NAMES)
    reader_fail(body);
  for (guint i = 0; i < n && reader_ok(body); i++)
    g_ptr_array_add(sign->alt_names, wire_get_text(body, KMS_MAX_NAME));
  g_ptr_array_add(sign->alt_names, NULL);
}

static gboolean read_sign_request(Reader *body, SignRequest *sign, GError **error) {
  LeafRequest *request = &sign->request;
  read_proven(body, &sign->facts);
  memcpy(request->app_id, sign->facts.app_id, sizeof request->app_id);
  sign->spki = wire_get_bytes(body, P256_SPKI_SIZE);
  gboolean has_organization = reader_u8(body) != 0;
  sign->organization = wire_get_text(body, KMS_MAX_NAME);
  sign->common_name = wire_get_text(body, KMS_MAX_NAME);
  read_alt_names(body, sign);
  request->server_auth = reader_u8(body) != 0;
  request->client_auth = reader_u8(body) != 0;
  request->evidence.quote = wire_get_bytes(body, KMS_MAX_QUOTE);
  request->evidence.event_log = wire_get_bytes(body, KMS_MAX_EVENT_LOG);
  request->evidence.attestation = wire_get_bytes(body, KMS_MAX_CSR);
  request->app_info = wire_get_bytes(body, KMS_MAX_VM_CONFIG);
  request->not_before = reader_u64be(body);
  request->not_after = reader_u64be(body);
  if (!reader_finish(body, "sign request", error))
    return FALSE;
  gsize len;
  const void *der = g_bytes_get_data(sign->spki, &len);
  request->public_key = p256_from_spki(der, len, error);
  request->organization = has_organization ? sign->organization : NULL;
  request->common_name = sign->common_name;
  request->alt_names = (const char *const *)sign->alt_names->pdata;
  return request->public_key != NULL;
}

static gboolean answer_sign_leaf(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  g_auto(SignRequest) sign = {0};
  g_autofree char *leaf = NULL, *app_ca = NULL;
  guint8 digest[SHA256_SIZE];
  if (!read_sign_request(body, &sign, error) ||
      !certificate_app_leaf(holder->keys, holder->certificates.root_ca, &sign.request, &leaf, &app_ca, error) ||
      !certificate_digest(leaf, digest, error) || !audit_release(holder->audit, &sign.facts, digest, error))
    return FALSE;
  wire_put_text(answer, leaf);
  wire_put_text(answer, app_ca);
  return TRUE;
}

static const struct {
  KeyHolderPeer peer;
  guint8 type;
  KeyHolderHandler handler;
} sealed_requests[] = {
    {KEYHOLDER_FROM_FRONT, KEYHOLDER_ENV_KEY, answer_env_key},
    {KEYHOLDER_FROM_FRONT, KEYHOLDER_APP_KEYS, answer_app_keys},
    {KEYHOLDER_FROM_FRONT, KEYHOLDER_SEALED_ROOT, answer_sealed_root},
    {KEYHOLDER_FROM_FRONT, KEYHOLDER_PLAIN_ROOT, answer_plain_root},
    {KEYHOLDER_FROM_VERIFIER, KEYHOLDER_GRANT, answer_grant},
    {KEYHOLDER_FROM_VERIFIER, KEYHOLDER_SIGN_LEAF, answer_sign_leaf},
    {KEYHOLDER_FROM_VERIFIER, KEYHOLDER_GRANT_ROOT, answer_grant_root},
    {KEYHOLDER_FROM_VERIFIER, KEYHOLDER_REFUSAL, answer_refusal},
};

KeyHolderHandler keyholder_sealed_handler(KeyHolderPeer peer, guint8 type) {
  for (guint i = 0; i < G_N_ELEMENTS(sealed_requests); i++)
    if (sealed_requests[i].peer == peer && sealed_requests[i].type == type)
      return sealed_requests[i].handler;
  return NULL;
}
