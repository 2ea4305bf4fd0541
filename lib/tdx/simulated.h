/* The simulated TEE: software registers and a software quoting enclave under a root made afresh for each installation.
 *
 * Its quotes have the real format and verify by the real rules; only the trust anchor differs. Programs of production
 * neither link nor start it: it is a library of its own (libtdx-simulated), used by the development image's simulator,
 * the laptop simulator and tests. */
#pragma once

#include "tdx/platform.h"

#include "base/secret.h"

#include <glib.h>

/* A certificate authority that mirrors Intel's in shape: root, PCK platform CA, PCK, TCB signing. All keys derive from one
 * 32-byte seed, so that host and guest agree without exchanging files. */
typedef struct SimulatedPki SimulatedPki;
SimulatedPki *simulated_pki_new(const Secret *seed, GError **error);
void simulated_pki_free(SimulatedPki *pki);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimulatedPki, simulated_pki_free)
/* The root certificate (PEM), for `attestation.root_ca.tdx` of daemons that are told to trust it. */
char *simulated_pki_root_pem(SimulatedPki *pki);
/* Collateral for quotes of this PKI in the JSON form of spec attestation B.1, valid around `now` (Unix seconds). */
char *simulated_pki_collateral(SimulatedPki *pki, gint64 now, GError **error);

/* Sets the report's fixed fields the way a healthy TDX module does (SVNs, SEPT_VE_DISABLE); measurements stay zero. */
void simulated_report_init(TdReport *report);
/* Signs a report as the simulated quoting enclave does: a v4 quote with its PCK chain. */
GBytes *simulated_quote(SimulatedPki *pki, const TdReport *report, GError **error);

/* A platform whose boot measurements are given (RTMR0-2 by a boot log that replays to them) and whose RTMR3 starts at zero.
 * `state_dir` holds the register file, runtime log and lock; registers survive while the directory does. Takes references. */
TdxPlatform *tdx_platform_simulated(SimulatedPki *pki, const guint8 mrtd[48], const guint8 mr_config_id[48],
                                    TdxEventLog *boot_log, const char *state_dir, GError **error);
