/* The machine that is simulated: its root of trust, its measurements, its registers. */
#pragma once

#include "sdk/simulator/simulator_config.h"
#include "tdx/simulated.h"

/* Reads the seed, or makes one (mode 0600). */
SimulatedPki *tee_pki(const SimulatorConfig *config, GError **error);
/* The platform with what measurements_file says, or with made-up measurements. Made-up ones are the same everywhere, so
 * that nobody can mistake them for those of a real image. */
TdxPlatform *tee_platform(const SimulatorConfig *config, SimulatedPki *pki, GError **error);
/* Writes root.pem and collateral.json into `directory`: what a verifier on this machine needs. */
gboolean tee_write_anchors(SimulatedPki *pki, const char *directory, GError **error);
