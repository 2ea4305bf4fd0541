/* A simulated TEE in a temporary directory, with the files a verifier of it needs. */
#pragma once

#include "ratls/evidence.h"
#include "tdx/simulated.h"

#include <glib.h>

typedef struct {
  char *directory;
  char *root_path, *collateral_path;
  SimulatedPki *pki;
  TdxEventLog *boot_log;
  TdxPlatform *platform;
} SimulatedTee;

/* `seed` tells installations apart; no runtime events yet. */
SimulatedTee *simulated_tee_new(guint8 seed);
void simulated_tee_free(SimulatedTee *tee);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimulatedTee, simulated_tee_free)

/* The five events of every boot, for an app whose id is 20 bytes of 0x11. */
void simulated_tee_boot(SimulatedTee *tee);
/* A verifier that trusts this installation. */
RatlsVerifier *simulated_tee_verifier(SimulatedTee *tee);
/* Overwrites the collateral file, with another modification. */
void simulated_tee_write_collateral(SimulatedTee *tee, const char *text);
