/* The key holder before it is sealed: making, storing and loading the root keys. */
#include "kms/keyholder/handover.h"
#include "kms/keyholder/key_files.h"
#include "kms/keyholder/keyholder_private.h"

#include "base/error.h"
#include "crypto/envelope.h"

gboolean keyholder_prepare(KeyHolder *holder, GError **error) {
  return key_files_prepare(holder->cert_dir, error) &&
         (!holder->audit_dir || audit_log_prepare(holder->audit_dir, error));
}

static gboolean answer_state(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  g_auto(KeyFilesState) state = {0};
  if (!reader_finish(body, "state request", error) || !key_files_state(holder->cert_dir, &state, error))
    return FALSE;
  wire_put_u8(answer, state.complete);
  wire_put_u8(answer, state.has_root_keys);
  wire_put_text(answer, state.missing);
  wire_put_text(answer, state.domain);
  wire_put_text(answer, state.bootstrap_info);
  return TRUE;
}

static gboolean put_public_parts(KeyHolder *holder, WireBuffer *answer, GError **error) {
  guint8 k256_public_key[K256_PUBLIC_SIZE];
  if (!k256_public(holder->keys->k256, k256_public_key, error))
    return FALSE;
  g_autoptr(GBytes) rpc_spki = p256_spki(holder->keys->rpc);
  g_autoptr(GBytes) root_spki = p256_spki(holder->keys->root_ca);
  wire_put_bytes(answer, rpc_spki);
  wire_put_bytes(answer, root_spki);
  wire_put_fixed(answer, k256_public_key, sizeof k256_public_key);
  return TRUE;
}

static gboolean require_no_keys(KeyHolder *holder, const char *done, GError **error) {
  g_auto(KeyFilesState) state = {0};
  if (!key_files_state(holder->cert_dir, &state, error))
    return FALSE;
  if (!state.has_root_keys && !holder->stored)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "kms has already been %s", done);
  return FALSE;
}

static gboolean answer_generate(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  if (!reader_finish(body, "generate request", error) || !require_no_keys(holder, "bootstrapped", error))
    return FALSE;
  g_clear_pointer(&holder->keys, root_keys_free);
  holder->keys = root_keys_generate();
  return put_public_parts(holder, answer, error);
}

static gboolean answer_recipient(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  if (!reader_finish(body, "recipient request", error) || !require_no_keys(holder, "onboarded", error))
    return FALSE;
  guint8 recipient[X25519_SIZE];
  g_clear_pointer(&holder->recipient, secret_free);
  holder->recipient = secret_new_random(X25519_SIZE);
  x25519_public(secret_peek(holder->recipient), recipient);
  wire_put_fixed(answer, recipient, sizeof recipient);
  return TRUE;
}

static RootKeys *open_for(KeyHolder *holder, GBytes *sealed, GBytes *ca_spki, GError **error) {
  if (!holder->recipient) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "no root keys are awaited");
    return NULL;
  }
  g_autoptr(RootKeys) keys = handover_open(holder->recipient, sealed, error);
  g_clear_pointer(&holder->recipient, secret_free); /* for one answer */
  if (!keys)
    return NULL;
  g_autoptr(GBytes) spki = p256_spki(keys->root_ca);
  if (g_bytes_equal(spki, ca_spki))
    return g_steal_pointer(&keys);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "received root ca key is not that of the source's certificate");
  return NULL;
}

static gboolean answer_adopt(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  g_autoptr(GBytes) sealed = wire_get_bytes(body, KMS_MAX_SEALED);
  g_autoptr(GBytes) ca_spki = wire_get_bytes(body, KMS_MAX_NAME);
  if (!reader_finish(body, "adopt request", error) || !require_no_keys(holder, "onboarded", error))
    return FALSE;
  g_autoptr(RootKeys) keys = open_for(holder, sealed, ca_spki, error);
  if (!keys)
    return FALSE;
  g_clear_pointer(&holder->keys, root_keys_free);
  holder->keys = g_steal_pointer(&keys);
  return put_public_parts(holder, answer, error);
}

typedef struct {
  char *domain;
  CertificateEvidence evidence;
} IssueRequest;

static void issue_request_clear(IssueRequest *request) {
  g_free(request->domain);
  g_clear_pointer(&request->evidence.quote, g_bytes_unref);
  g_clear_pointer(&request->evidence.event_log, g_bytes_unref);
  g_clear_pointer(&request->evidence.attestation, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IssueRequest, issue_request_clear)

static void read_issue_request(Reader *body, IssueRequest *request) {
  request->domain = wire_get_text(body, KMS_MAX_DOMAIN);
  request->evidence.quote = wire_get_bytes(body, KMS_MAX_QUOTE);
  request->evidence.event_log = wire_get_bytes(body, KMS_MAX_EVENT_LOG);
  request->evidence.attestation = wire_get_bytes(body, KMS_MAX_EVENT_LOG);
}

static gboolean require_keys(KeyHolder *holder, gboolean stored, GError **error) {
  if (holder->keys && holder->stored == stored)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s",
              stored ? "no keys are loaded" : "there are no new keys");
  return FALSE;
}

static gboolean answer_store(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  (void)answer; /* says nothing but that it is done */
  g_auto(IssueRequest) request = {0};
  read_issue_request(body, &request);
  g_autofree char *bootstrap_info = wire_get_text(body, KMS_MAX_BOOTSTRAP_INFO);
  if (!reader_finish(body, "store request", error) || !require_keys(holder, FALSE, error))
    return FALSE;
  g_auto(KmsCertificates) made = {0};
  if (!(made.temp_ca = certificate_temp_ca(holder->keys, error)) ||
      !(made.root_ca = certificate_root_ca(holder->keys, error)) ||
      !(made.rpc = certificate_rpc(holder->keys, made.root_ca, request.domain, &request.evidence, error)))
    return FALSE;
  if (!key_files_store(holder->cert_dir, holder->keys, &made, request.domain, bootstrap_info, error))
    return FALSE;
  /* What counts from here on is what is on disk, read back by KEYHOLDER_LOAD. */
  g_clear_pointer(&holder->keys, root_keys_free);
  return TRUE;
}

static gboolean answer_load(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  if (!reader_finish(body, "load request", error))
    return FALSE;
  g_autoptr(RootKeys) keys = key_files_load(holder->cert_dir, error);
  if (!keys)
    return FALSE;
  g_clear_pointer(&holder->keys, root_keys_free);
  holder->keys = g_steal_pointer(&keys);
  holder->stored = TRUE;
  g_autoptr(GBytes) rpc_spki = p256_spki(holder->keys->rpc);
  wire_put_bytes(answer, rpc_spki);
  return TRUE;
}

typedef X509 *(*IssueCa)(const RootKeys *keys, GError **error);

static gboolean renew_ca(KeyHolder *holder, X509 **certificate, IssueCa issue, const char *name, GError **error) {
  if (!certificate_ends_soon(*certificate))
    return TRUE;
  g_autoptr(X509) renewed = issue(holder->keys, error);
  if (!renewed || !key_files_write_certificate(holder->cert_dir, name, renewed, error))
    return FALSE;
  X509_free(*certificate);
  *certificate = g_steal_pointer(&renewed);
  return TRUE;
}

static gboolean answer_reissue(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  (void)answer; /* says nothing but that it is done */
  g_auto(IssueRequest) request = {0};
  read_issue_request(body, &request);
  if (!reader_finish(body, "reissue request", error) || !require_keys(holder, TRUE, error))
    return FALSE;
  g_auto(KmsCertificates) current = {0};
  if (!key_files_load_ca(holder->cert_dir, holder->keys, &current, error) ||
      !renew_ca(holder, &current.temp_ca, certificate_temp_ca, KEY_FILE_TEMP_CA_CERT, error) ||
      !renew_ca(holder, &current.root_ca, certificate_root_ca, KEY_FILE_ROOT_CA_CERT, error) ||
      !(current.rpc = certificate_rpc(holder->keys, current.root_ca, request.domain, &request.evidence, error)) ||
      !key_files_write_certificate(holder->cert_dir, KEY_FILE_RPC_CERT, current.rpc, error))
    return FALSE;
  kms_certificates_clear(&holder->certificates);
  holder->certificates = current;
  current = (KmsCertificates){0};
  return TRUE;
}

static void put_certificate(WireBuffer *answer, X509 *certificate) {
  g_autofree char *pem = cert_to_pem(certificate);
  wire_put_text(answer, pem);
}

static gboolean put_tls_material(KeyHolder *holder, WireBuffer *answer, GError **error) {
  guint8 k256_public_key[K256_PUBLIC_SIZE];
  if (!k256_public(holder->keys->k256, k256_public_key, error))
    return FALSE;
  g_autoptr(Secret) temp_ca_key = p256_to_pem(holder->keys->temp_ca);
  g_autoptr(Secret) rpc_key = p256_to_pem(holder->keys->rpc);
  put_certificate(answer, holder->certificates.root_ca);
  put_certificate(answer, holder->certificates.temp_ca);
  wire_put_secret(answer, temp_ca_key);
  put_certificate(answer, holder->certificates.rpc);
  wire_put_secret(answer, rpc_key);
  wire_put_fixed(answer, k256_public_key, sizeof k256_public_key);
  return TRUE;
}

static gboolean answer_seal(KeyHolder *holder, Reader *body, WireBuffer *answer, GError **error) {
  if (!reader_finish(body, "seal request", error) || !require_keys(holder, TRUE, error))
    return FALSE;
  if (!holder->certificates.rpc) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificates were not issued yet");
    return FALSE;
  }
  if (holder->audit_dir &&
      !(holder->audit = audit_open(holder->audit_dir, holder->audit_sync_each, holder->keys->k256, error)))
    return FALSE;
  if (!put_tls_material(holder, answer, error) || !holder->seal(holder->seal_data, error))
    return FALSE;
  holder->sealed = TRUE;
  return TRUE;
}

KeyHolderHandler keyholder_setup_handler(guint8 type) {
  switch (type) {
  case KEYHOLDER_STATE:
    return answer_state;
  case KEYHOLDER_GENERATE:
    return answer_generate;
  case KEYHOLDER_RECIPIENT:
    return answer_recipient;
  case KEYHOLDER_ADOPT:
    return answer_adopt;
  case KEYHOLDER_STORE:
    return answer_store;
  case KEYHOLDER_LOAD:
    return answer_load;
  case KEYHOLDER_REISSUE:
    return answer_reissue;
  case KEYHOLDER_SEAL:
    return answer_seal;
  default:
    return NULL;
  }
}
