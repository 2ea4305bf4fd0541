#include "kms_trust.h"

RatlsVerifier *kms_trust_new(const SysConfig *config, GError **error) {
  RatlsVerifierOptions options = {.pccs_url = config->pccs_url};
  return ratls_verifier_new(&options, error);
}
