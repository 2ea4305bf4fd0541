/* What the simulator leaves in the run directory: where its files are, and whom the guest's own verifier may trust. */
#pragma once

#include "tdx/simulated.h"

/* Writes <run_dir>/tee.env, which names the files below `mount_dir` as the environment of the guest's programs, and
 * <run_dir>/attestation/{root.pem,collateral.json} (directory 0700, files 0600). */
gboolean tee_anchors_publish(SimulatedPki *pki, const char *mount_dir, const char *run_dir, GError **error);
/* Takes them away again: a verifier must not trust a simulator that does not run. */
gboolean tee_anchors_withdraw(const char *run_dir, GError **error);
