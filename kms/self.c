#include "kms/self.h"

#include "kms/agent.h"

gboolean self_present(VerifierClient *verifier, SelfFacts *facts, GError **error) {
  static const guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_autofree char *vm_config = agent_get_vm_config(error);
  return vm_config && agent_get_quote(report_data, &quote, &event_log, error) &&
         verifier_client_present_self(verifier, quote, event_log, vm_config, facts, error);
}

gboolean self_authorization_enforced(const KmsConfig *config) {
  return config->enforce_self_authorization && config->auth_type == AUTH_WEBHOOK;
}

gboolean self_require_allowed(const KmsConfig *config, VerifierClient *verifier, GError **error) {
  if (!self_authorization_enforced(config))
    return TRUE;
  SelfFacts facts;
  if (!self_present(verifier, &facts, error)) {
    g_prefix_error(error, "core.enforce_self_authorization needs evidence about this kms (outside of a TEE set it to "
                          "false): ");
    return FALSE;
  }
  return verifier_client_self_allowed(verifier, error);
}
