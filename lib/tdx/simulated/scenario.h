/* A simulated platform in any state, and what its provisioning service says about it: every rule of verification can be
 * tried by changing one field (spec: attestation B). */
#pragma once

#include "tdx/simulated.h"
#include "tdx/simulated/certificate.h"

#include <jansson.h>

enum {
  SIMULATED_REVOKE_PCK = 1,
  SIMULATED_REVOKE_PLATFORM_CA = 2,
  SIMULATED_REVOKE_TCB_SIGNING = 4,
  SIMULATED_REVOKE_ROOT = 8,
};

typedef struct {
  SimulatedPki *pki;
  /* The quote. `quote` has version, vendor, report (td or sgx) and cert_type: 5, or 3 for one that names its PCK
   * certificate by the platform's encrypted id only. */
  Quote quote;
  SgxReport qe; /* of the quoting enclave; report_data is filled in */
  /* The platform, and its certificate. */
  SimulatedPlatformInfo platform;
  gint64 pck_not_before, pck_not_after;
  /* The collateral. The two documents are signed as they then stand. */
  json_t *tcb_info, *qe_identity;
  gint64 crl_this_update, crl_next_update;
  guint revoked; /* SIMULATED_REVOKE_ bits */
} SimulatedScenario;

/* A healthy one, UpToDate. `version` is the quote's: 3 (of an enclave), 4 or 5 (TD 1.5). */
SimulatedScenario *simulated_scenario_new(SimulatedPki *pki, guint version);
void simulated_scenario_free(SimulatedScenario *scenario);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimulatedScenario, simulated_scenario_free)

/* What the quotes of a scenario have in common: the quoting enclave's report on its attestation key, and who certifies that. */
typedef struct SimulatedFrame {
  guint8 point[65]; /* of the attestation key */
  guint8 auth[32];
  guint8 qe_report[384], qe_signature[64];
  GBytes *certification;
} SimulatedFrame;
SimulatedFrame *simulated_scenario_frame(const SimulatedScenario *scenario);
void simulated_frame_free(SimulatedFrame *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimulatedFrame, simulated_frame_free)
/* A quote in that frame. `quote` has version, vendor, report and cert_type. */
GBytes *simulated_frame_quote(const SimulatedFrame *frame, const Quote *quote, EVP_PKEY *attestation_key);
GBytes *simulated_scenario_quote(const SimulatedScenario *scenario);
/* In the JSON form of B.1. */
char *simulated_scenario_collateral(const SimulatedScenario *scenario);
/* PEM: PCK certificate, platform CA, root. */
char *simulated_scenario_pck_chain(const SimulatedScenario *scenario);
