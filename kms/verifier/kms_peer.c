/* Judging other KMSs: one that asks for the root keys. */
#include "kms/verifier/verifier_private.h"

#include "kms/protocol.h"

#include "crypto/x509.h"

static GBytes *certificate_spki(GBytes *der, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(der, &len);
  g_autoptr(X509) certificate = cert_from_der(data, len, error);
  return certificate ? cert_spki(certificate) : NULL;
}

static gboolean grant_root(KmsVerifier *verifier, GBytes *certificate, const char *vm_config, guint8 *grant,
                           GError **error) {
  g_autoptr(SharedEvidence) shared = verifier_require_evidence(verifier, certificate, error);
  g_autoptr(GBytes) spki = shared ? certificate_spki(certificate, error) : NULL;
  g_auto(BootInfo) info = {0};
  g_autofree char *gateway_app_id = NULL;
  if (!spki ||
      !verifier_authorize(verifier, AUTH_ASK_KMS, evidence_peek(shared), APP_INFO_RUNTIME, vm_config, &info,
                          &gateway_app_id, error) ||
      !keyholder_link_grant_root(verifier->keyholder, spki, grant, error))
    return FALSE;
  verifier_log_decision("root keys granted", &info);
  return TRUE;
}

gboolean verifier_answer_authorize_kms(KmsVerifier *verifier, Reader *body, WireBuffer *answer, GError **error) {
  g_autoptr(GBytes) certificate = wire_get_bytes(body, KMS_MAX_CERTIFICATE);
  g_autofree char *vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  guint8 grant[KMS_GRANT_SIZE];
  if (!reader_finish(body, "authorization request", error) ||
      !grant_root(verifier, certificate, vm_config, grant, error)) {
    g_prefix_error(error, "kms not allowed: ");
    return FALSE;
  }
  wire_put_fixed(answer, grant, sizeof grant);
  return TRUE;
}
