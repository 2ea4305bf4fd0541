/* Judging other KMSs: one that asks for the root keys, and one that they shall come from. */
#include "kms/verifier/verifier_private.h"

#include "kms/protocol.h"
#include "kms/verifier/vm_config.h"

static gboolean grant_root(KmsVerifier *verifier, GBytes *certificate, const char *vm_config, Caller *caller,
                           guint8 *grant, GError **error) {
  g_autoptr(SharedEvidence) shared = verifier_require_evidence(verifier, certificate, error);
  AuditFacts facts;
  if (!shared || !verifier_authorize(verifier, AUTH_ASK_KMS, evidence_peek(shared), APP_INFO_RUNTIME, vm_config, caller,
                                     error))
    return FALSE;
  caller_facts(caller, &facts);
  if (!keyholder_link_grant_root(verifier->keyholder, &facts, caller->public_key, grant, error))
    return FALSE;
  verifier_log_decision("root keys granted", &caller->info);
  return TRUE;
}

gboolean verifier_answer_authorize_kms(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  g_autoptr(GBytes) certificate = wire_get_bytes(body, KMS_MAX_CERTIFICATE);
  g_autofree char *vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  guint8 grant[KMS_GRANT_SIZE];
  if (!reader_finish(body, "authorization request", error))
    return FALSE;
  g_auto(Caller) caller;
  caller_init(&caller, AUDIT_KMS_KEY, evidence_cache_public_key(verifier->cache, certificate));
  if (!grant_root(verifier, certificate, vm_config, &caller, grant, error)) {
    verifier_record_refusal(verifier, &caller, *error);
    g_prefix_error(error, "kms not allowed: ");
    return FALSE;
  }
  wire_put_fixed(answer, grant, sizeof grant);
  return TRUE;
}

/* The image that the source names, or, when its evidence has no place for one, that of this KMS: the webhook is asked
 * about measurements that say which image it is in any case. */
static gboolean source_image(const VerifiedEvidence *evidence, const char *own_vm_config, guint8 *out, GError **error) {
  if (evidence->config && vm_config_image_hash(evidence->config, out, NULL))
    return TRUE;
  return vm_config_image_hash(own_vm_config, out, error);
}

static gboolean judge_source(KmsVerifier *verifier, GBytes *certificate, const char *own_vm_config, GError **error) {
  g_autoptr(SharedEvidence) shared = verifier_require_evidence(verifier, certificate, error);
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE];
  g_auto(BootInfo) info = {0};
  if (!shared || !source_image(evidence_peek(shared), own_vm_config, os_image_hash, error) ||
      !boot_info_from_evidence(evidence_peek(shared), APP_INFO_RUNTIME, os_image_hash, &info, error))
    return FALSE;
  g_auto(BootDecision) decision = {0};
  if (!auth_api_allow(verifier->auth, AUTH_ASK_KMS, &info, &decision, error))
    return FALSE;
  verifier_log_decision("source of root keys accepted", &info);
  return TRUE;
}

gboolean verifier_answer_judge_source(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  (void)answer; /* says nothing but yes */
  g_autoptr(GBytes) certificate = wire_get_bytes(body, KMS_MAX_CERTIFICATE);
  g_autofree char *own_vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  if (reader_finish(body, "question about a source", error) &&
      judge_source(verifier, certificate, own_vm_config, error))
    return TRUE;
  g_prefix_error(error, "source not allowed: ");
  return FALSE;
}
