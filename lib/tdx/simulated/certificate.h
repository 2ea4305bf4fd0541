/* Certificates and CRLs of the simulated PKI: in the shape of Intel's, and the same bytes every time. */
#pragma once

#include "crypto/p256.h"

#include <glib.h>

/* All of it is valid from 2020 to 2100, so that no clock of a development machine matters. */
#define SIMULATED_VALID_FROM G_GINT64_CONSTANT(1577836800)
#define SIMULATED_VALID_UNTIL G_GINT64_CONSTANT(4102444800)
#define SIMULATED_VALID_FROM_RFC3339 "2020-01-01T00:00:00Z"
#define SIMULATED_VALID_UNTIL_RFC3339 "2100-01-01T00:00:00Z"

typedef struct {
  const char *common_name;
  EVP_PKEY *key;
} SimulatedName;

typedef struct {
  SimulatedName subject, issuer;
  int ca_path_len;              /* < 0: a leaf */
  GBytes *pck_extension;        /* value of Intel's PCK extension, or NULL */
  gint64 not_before, not_after; /* Unix seconds */
} SimulatedCertSpec;

/* DER, and PEM. */
GBytes *simulated_certificate(const SimulatedCertSpec *spec);
char *simulated_certificate_pem(const SimulatedCertSpec *spec);

#define SIMULATED_MAX_REVOKED 4

typedef struct {
  SimulatedName issuer;
  gint64 this_update, next_update;              /* Unix seconds */
  EVP_PKEY *revoked[SIMULATED_MAX_REVOKED + 1]; /* of the certificates; NULL-terminated */
} SimulatedCrlSpec;
/* DER. */
GBytes *simulated_crl(const SimulatedCrlSpec *spec);

/* What Intel's PCK extension says about a platform (spec: attestation B.3). */
typedef struct {
  guint8 ppid[16], cpu_svn[16], fmspc[6], instance_id[16];
  guint8 pce_id[2];
  guint16 pce_svn;
} SimulatedPlatformInfo;
GBytes *simulated_pck_extension(const SimulatedPlatformInfo *info);
