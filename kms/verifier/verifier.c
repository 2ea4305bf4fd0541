#include "kms/verifier/verifier_private.h"

#include "kms/protocol.h"
#include "kms/verifier/vm_config.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"

KmsVerifier *kms_verifier_new(const KmsConfig *config, int keyholder_fd, GError **error) {
  g_autoptr(KmsVerifier) verifier = g_new0(KmsVerifier, 1);
  RatlsVerifierOptions trust = {.root_ca_path = config->root_ca_path,
                                .allow_external_root = config->allow_external_root,
                                .collateral_path = config->collateral_path,
                                .pccs_url = config->pccs_url,
                                .collateral_cache_dir = config->collateral_cache_dir,
                                .insecure_pccs_tls = config->insecure_pccs_tls};
  verifier->cache = evidence_cache_new();
  g_mutex_init(&verifier->self_lock);
  verifier->enforce_self = config->enforce_self_authorization && config->auth_type == AUTH_WEBHOOK;
  verifier->keyholder = keyholder_link_new(keyholder_fd);
  if (!(verifier->images = os_image_checker_new(config, error)) || !(verifier->auth = auth_api_new(config, error)) || !(verifier->evidence = ratls_verifier_new(&trust, error)))
    return NULL;
  return g_steal_pointer(&verifier);
}

void kms_verifier_free(KmsVerifier *verifier) {
  if (!verifier)
    return;
  g_clear_pointer(&verifier->evidence, ratls_verifier_unref);
  evidence_cache_free(verifier->cache);
  auth_api_free(verifier->auth);
  os_image_checker_free(verifier->images);
  keyholder_link_free(verifier->keyholder);
  boot_info_clear(&verifier->self);
  g_mutex_clear(&verifier->self_lock);
  g_free(verifier);
}

static gboolean answer_check_certificate(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  g_autoptr(GBytes) certificate = wire_get_bytes(body, KMS_MAX_CERTIFICATE);
  g_autoptr(SharedEvidence) evidence = NULL;
  if (!reader_finish(body, "certificate check", error))
    return FALSE;
  if (!evidence_cache_verify(verifier->cache, verifier->evidence, certificate, &evidence, error)) {
    g_auto(Caller) caller;
    caller_init(&caller, AUDIT_CONNECTION, evidence_cache_public_key(verifier->cache, certificate));
    verifier_record_refusal(verifier, &caller, *error);
    return FALSE;
  }
  wire_put_u8(answer, evidence != NULL);
  return TRUE;
}

SharedEvidence *verifier_require_evidence(KmsVerifier *verifier, GBytes *certificate, GError **error) {
  SharedEvidence *shared = NULL;
  if (g_bytes_get_size(certificate) != 0 &&
      !evidence_cache_verify(verifier->cache, verifier->evidence, certificate, &shared, error))
    return NULL;
  if (!shared)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "no attestation provided");
  return shared;
}

gboolean verifier_authorize(KmsVerifier *verifier, AuthQuestion about, const VerifiedEvidence *evidence,
                            AppInfoMode mode, const char *vm_config, Caller *caller, GError **error) {
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE];
  return vm_config_image_hash(vm_config, os_image_hash, error) &&
         boot_info_from_evidence(evidence, mode, os_image_hash, &caller->info, error) &&
         verifier_require_self(verifier, error) && /* so late that the audit log knows who asked */
         auth_api_allow(verifier->auth, about, &caller->info, &caller->decision, error) &&
         os_image_check(verifier->images, vm_config, evidence, error);
}

void verifier_record_refusal(KmsVerifier *verifier, const Caller *caller, const GError *why) {
  AuditFacts facts;
  g_autoptr(GError) error = NULL;
  caller_facts(caller, &facts);
  if (!keyholder_link_refuse(verifier->keyholder, &facts, why->message, &error))
    log_error("a refusal was not recorded: %s", error->message);
}

void verifier_log_decision(const char *what, const BootInfo *info) {
  g_autofree char *app_id = hex_encode_bytes(info->app_id);
  g_autofree char *instance_id = hex_encode_bytes(info->instance_id);
  g_autofree char *image = hex_encode(info->os_image_hash, sizeof info->os_image_hash);
  log_info("%s for app %s, instance %s, image %s, tcb %s", what, app_id, *instance_id ? instance_id : "none", image,
           info->tcb_status);
}

static gboolean grant_keys(KmsVerifier *verifier, GBytes *certificate, const char *vm_config, Caller *caller,
                           WireBuffer *answer, GError **error) {
  g_autoptr(SharedEvidence) shared = verifier_require_evidence(verifier, certificate, error);
  AuditFacts facts;
  guint8 grant[KMS_GRANT_SIZE];
  if (!shared || !verifier_authorize(verifier, AUTH_ASK_APP, evidence_peek(shared), APP_INFO_RUNTIME, vm_config, caller,
                                     error))
    return FALSE;
  caller_facts(caller, &facts);
  if (!keyholder_link_grant(verifier->keyholder, &facts, grant, error))
    return FALSE;
  verifier_log_decision("keys granted", &caller->info);
  wire_put_fixed(answer, grant, sizeof grant);
  wire_put_text(answer, caller->decision.gateway_app_id);
  wire_put_fixed(answer, caller->info.os_image_hash, sizeof caller->info.os_image_hash);
  return TRUE;
}

static gboolean answer_authorize_app(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  g_autoptr(GBytes) certificate = wire_get_bytes(body, KMS_MAX_CERTIFICATE);
  g_autofree char *vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  if (!reader_finish(body, "authorization request", error))
    return FALSE;
  g_auto(Caller) caller;
  caller_init(&caller, AUDIT_APP_KEY, evidence_cache_public_key(verifier->cache, certificate));
  if (grant_keys(verifier, certificate, vm_config, &caller, answer, error))
    return TRUE;
  verifier_record_refusal(verifier, &caller, *error);
  g_prefix_error(error, "app not allowed: ");
  return FALSE;
}

static void leaf_extensions_clear(LeafExtensions *extensions) {
  g_clear_pointer(&extensions->attestation, g_bytes_unref);
  g_clear_pointer(&extensions->app_info, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LeafExtensions, leaf_extensions_clear)

static GBytes *strip_attestation(GBytes *encoded, GError **error) {
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(encoded, error);
  if (!attestation)
    return NULL;
  ratls_attestation_strip(attestation);
  return ratls_attestation_encode(attestation);
}

/* What was verified just now, in the form the request came in. */
static gboolean choose_extensions(const RatlsCsr *csr, const VerifiedEvidence *evidence, const BootInfo *info,
                                  LeafExtensions *out, GError **error) {
  if (csr->ext_app_info) {
    g_autoptr(GBytes) image = g_bytes_new(info->os_image_hash, sizeof info->os_image_hash);
    out->app_info = ratls_app_info_encode(evidence->app_info, image);
  }
  if (!csr->ext_quote)
    return TRUE;
  out->quote = csr->quote;
  out->event_log = csr->event_log;
  if (csr->attestation)
    out->attestation = strip_attestation(csr->attestation, error);
  return !csr->attestation || out->attestation;
}

static VerifiedEvidence *verify_csr(KmsVerifier *verifier, const RatlsCsr *csr, GError **error) {
  VerifiedEvidence *evidence = ratls_csr_verify(verifier->evidence, csr, error);
  if (!evidence && !g_error_matches(*error, DSTACK_ERROR, DSTACK_ERROR_DENIED))
    g_prefix_error(error, "quote verification failed: ");
  return evidence;
}

static gboolean sign(KmsVerifier *verifier, const RatlsCsr *csr, const char *vm_config, Caller *caller,
                     WireBuffer *answer, GError **error) {
  g_autoptr(VerifiedEvidence) evidence = verify_csr(verifier, csr, error);
  g_auto(LeafExtensions) extensions = {0};
  g_autofree char *leaf = NULL, *app_ca = NULL;
  AuditFacts facts;
  if (!evidence ||
      !verifier_authorize(verifier, AUTH_ASK_APP, evidence, APP_INFO_BOOT_TIME, vm_config, caller, error) ||
      !choose_extensions(csr, evidence, &caller->info, &extensions, error))
    return FALSE;
  caller_facts(caller, &facts);
  if (!keyholder_link_sign(verifier->keyholder, &facts, csr, &extensions, &leaf, &app_ca, error))
    return FALSE;
  verifier_log_decision("certificate signed", &caller->info);
  wire_put_text(answer, leaf);
  wire_put_text(answer, app_ca);
  return TRUE;
}

static gboolean answer_sign_cert(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  guint8 version = reader_u8(body);
  g_autoptr(GBytes) encoded = wire_get_bytes(body, KMS_MAX_CSR);
  g_autoptr(GBytes) signature = wire_get_bytes(body, KMS_MAX_NAME);
  g_autofree char *vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  if (!reader_finish(body, "signing request", error))
    return FALSE;
  g_auto(Caller) caller = {.request = AUDIT_CERTIFICATE, .decision.contract_block = AUDIT_BLOCK_UNKNOWN};
  g_autoptr(RatlsCsr) csr = ratls_csr_open(version, encoded, signature, error);
  if (csr)
    caller.public_key = g_bytes_ref(csr->pubkey);
  if (csr && sign(verifier, csr, vm_config, &caller, answer, error))
    return TRUE;
  verifier_record_refusal(verifier, &caller, *error);
  return FALSE;
}

static gboolean answer_auth_info(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  g_auto(AuthInfo) info = {0};
  if (!reader_finish(body, "info request", error) || !auth_api_info(verifier->auth, &info, error))
    return FALSE;
  wire_put_text(answer, info.gateway_app_id);
  wire_put_u8(answer, info.has_chain != FALSE);
  wire_put_text(answer, info.contract);
  wire_put_u64(answer, info.chain_id);
  wire_put_text(answer, info.implementation);
  wire_put_text(answer, info.rpc_url);
  return TRUE;
}

static gboolean answer_clear_images(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  (void)answer; /* empty when it is done */
  g_autofree char *image_hash = wire_get_text(body, KMS_MAX_NAME);
  g_autofree char *config_hash = wire_get_text(body, KMS_MAX_NAME);
  return reader_finish(body, "clearing request", error) &&
         os_image_clear(verifier->images, image_hash, config_hash, error);
}

static VerifierHandler find_handler(guint8 type) {
  switch (type) {
  case VERIFIER_CHECK_CERTIFICATE:
    return answer_check_certificate;
  case VERIFIER_AUTHORIZE_APP:
    return answer_authorize_app;
  case VERIFIER_SIGN_CERT:
    return answer_sign_cert;
  case VERIFIER_CLEAR_IMAGES:
    return answer_clear_images;
  case VERIFIER_AUTH_INFO:
    return answer_auth_info;
  case VERIFIER_AUTHORIZE_KMS:
    return verifier_answer_authorize_kms;
  case VERIFIER_JUDGE_SOURCE:
    return verifier_answer_judge_source;
  case VERIFIER_SELF:
    return verifier_answer_self;
  case VERIFIER_SELF_ALLOWED:
    return verifier_answer_self_allowed;
  default:
    return NULL;
  }
}

WireBuffer *kms_verifier_answer(KmsVerifier *verifier, const WireBuffer *request) {
  g_autoptr(GError) error = NULL;
  g_autoptr(WireBuffer) answer = wire_buffer_new(WIRE_OK);
  VerifierHandler handler = find_handler(wire_type(request));
  Reader body = wire_body(request);
  if (!handler)
    g_set_error(&error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "verifier does not take request %u", wire_type(request));
  else if (handler(verifier, &body, answer, &error))
    return g_steal_pointer(&answer);
  return wire_error_answer(error);
}
