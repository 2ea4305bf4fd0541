/* Whose quotes a KMS may show this guest (spec: guest-os 7.1, 19). One of two files is linked: dstack-util has kms_trust_intel.c;
 * dstack-util-dev, which only development images get, has kms_trust_simulated.c. */
#pragma once

#include "cvm/sys_config.h"
#include "ratls/evidence.h"

/* Judges the evidence in a KMS's certificate, with collateral from the host's pccs_url. */
RatlsVerifier *kms_trust_new(const SysConfig *config, GError **error);
