/* The KMS itself as one who is judged: it may only answer while its own webhook allows it (spec: kms 8.1). */
#include "kms/verifier/verifier_private.h"

#include "kms/protocol.h"
#include "kms/verifier/vm_config.h"

#include "base/error.h"

#include <string.h>

/* What is presented first stays: a front that is taken over later can't pass for another KMS. */
static void keep_first(KmsVerifier *verifier, BootInfo *info) {
  g_mutex_lock(&verifier->self_lock);
  if (!verifier->has_self) {
    verifier->self = *info;
    verifier->has_self = TRUE;
    *info = (BootInfo){0};
  }
  g_mutex_unlock(&verifier->self_lock);
}

static gboolean read_self(KmsVerifier *verifier, Reader *body, VerifiedEvidence **evidence, BootInfo *info,
                          GError **error) {
  static const guint8 report_data[TDX_REPORT_DATA_SIZE];
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE];
  g_autoptr(GBytes) quote = wire_get_bytes(body, KMS_MAX_QUOTE);
  g_autofree char *event_log = wire_get_text(body, KMS_MAX_EVENT_LOG);
  g_autofree char *vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  if (!reader_finish(body, "own evidence", error) || !vm_config_image_hash(vm_config, os_image_hash, error))
    return FALSE;
  *evidence = ratls_verify_evidence(verifier->evidence, quote, event_log, strlen(event_log), report_data, error);
  return *evidence && boot_info_from_evidence(*evidence, APP_INFO_RUNTIME, os_image_hash, info, error);
}

gboolean verifier_answer_self(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  g_autoptr(VerifiedEvidence) evidence = NULL;
  g_auto(BootInfo) info = {0};
  if (!read_self(verifier, body, &evidence, &info, error)) {
    g_prefix_error(error, "own evidence: ");
    return FALSE;
  }
  wire_put_fixed(answer, info.device_id, sizeof info.device_id);
  wire_put_fixed(answer, info.mr_aggregated, sizeof info.mr_aggregated);
  wire_put_fixed(answer, info.os_image_hash, sizeof info.os_image_hash);
  wire_put_fixed(answer, evidence->ppid, sizeof evidence->ppid);
  keep_first(verifier, &info);
  return TRUE;
}

gboolean verifier_require_self(KmsVerifier *verifier, GError **error) {
  if (!verifier->enforce_self)
    return TRUE;
  /* Once set it never changes, so that the question needs no lock. */
  g_mutex_lock(&verifier->self_lock);
  gboolean known = verifier->has_self;
  g_mutex_unlock(&verifier->self_lock);
  gboolean allowed = FALSE;
  g_auto(BootDecision) decision = {0};
  if (known)
    allowed = auth_api_allow(verifier->auth, AUTH_ASK_KMS, &verifier->self, &decision, error);
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "this kms has shown no evidence");
  if (allowed)
    return TRUE;
  g_prefix_error(error, "kms self authorization failed: ");
  return FALSE;
}

gboolean verifier_answer_self_allowed(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  (void)answer; /* says nothing but yes */
  return reader_finish(body, "self authorization request", error) && verifier_require_self(verifier, error);
}
