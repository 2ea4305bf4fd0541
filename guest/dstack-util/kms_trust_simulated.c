#include "kms_trust.h"

#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

/* Written by the development image's TEE simulator, on a tmpfs of the guest's own that the host can't reach. */
#define ANCHOR_DIR "/run/dstack/attestation"
#define ANCHOR_ROOT ANCHOR_DIR "/root.pem"
#define ANCHOR_COLLATERAL ANCHOR_DIR "/collateral.json"

static gboolean has_simulated_anchor(void) {
  struct stat state;
  return lstat(ANCHOR_DIR, &state) == 0 && S_ISDIR(state.st_mode) && state.st_uid == geteuid() &&
         (state.st_mode & 077) == 0;
}

/* On real hardware there is no simulated anchor, and a development image trusts what a production image does. */
RatlsVerifier *kms_trust_new(const SysConfig *config, GError **error) {
  RatlsVerifierOptions options = {.pccs_url = config->pccs_url};
  if (has_simulated_anchor()) {
    log_warn("this is a development image: a kms is trusted under the simulated root in " ANCHOR_DIR);
    options.root_ca_path = ANCHOR_ROOT;
    options.allow_external_root = TRUE;
    options.collateral_path = ANCHOR_COLLATERAL;
  }
  return ratls_verifier_new(&options, error);
}
