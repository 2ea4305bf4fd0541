/* The simulated installation that the corpora of this folder belong to: seed 32 times 0x11. */
#pragma once

#include "crypto/x509.h"
#include "dcap/dcap.h"
#include "tdx/simulated/scenario.h"

#include <string.h>

#define FUZZ_NOW 1795000000
#define FUZZ_SEED_BYTE 0x11

static inline SimulatedPki *fuzz_pki(void) {
  static SimulatedPki *pki;
  if (!pki) {
    guint8 bytes[32];
    memset(bytes, FUZZ_SEED_BYTE, sizeof bytes);
    g_autoptr(Secret) seed = secret_new(bytes, sizeof bytes);
    pki = simulated_pki_new(seed, NULL);
  }
  return pki;
}

static inline X509 *fuzz_root(void) {
  static X509 *root;
  if (!root) {
    g_autofree char *pem = simulated_pki_root_pem(fuzz_pki());
    root = cert_from_pem(pem, strlen(pem), NULL);
  }
  return root;
}

static inline char *fuzz_collateral(guint version) {
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(fuzz_pki(), version);
  return simulated_scenario_collateral(scenario);
}

static inline GBytes *fuzz_quote(guint version) {
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(fuzz_pki(), version);
  return simulated_scenario_quote(scenario);
}
