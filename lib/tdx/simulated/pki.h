/* The inside of a simulated PKI, for the files of this folder. */
#pragma once

#include "crypto/p256.h"
#include "tdx/simulated.h"
#include "tdx/simulated/certificate.h"

/* A quote of the healthy platform but for its report, made when the first one is taken. */
typedef struct {
  Quote quote;
  struct SimulatedFrame *frame;
} SimulatedHealthy;
void simulated_healthy_free(SimulatedHealthy *healthy);

struct SimulatedPki {
  SimulatedName root, platform_ca, pck, tcb_signing;
  EVP_PKEY *attestation_key; /* of the quoting enclave */
  SimulatedPlatformInfo platform;
  guint8 qe_id[16];
  char *root_pem, *platform_ca_pem, *tcb_signing_pem;
  SimulatedHealthy *healthy; /* NULL until the first quote */
};

SimulatedPki *simulated_pki_ref(SimulatedPki *pki);

/* The state of the simulated platform, at which its TCB info says "UpToDate". */
#define SIMULATED_TDX_MODULE_VERSION 1
#define SIMULATED_PCE_SVN 13
#define SIMULATED_QE_PROD_ID 2
#define SIMULATED_QE_SVN 8
extern const guint8 simulated_cpu_svn[16], simulated_tee_tcb_svn[16], simulated_qe_mr_signer[32];
