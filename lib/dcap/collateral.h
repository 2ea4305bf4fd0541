/* The collateral object: everything about a platform model that comes from Intel's service, taken apart once (B.1). */
#pragma once

#include "dcap/chain.h"
#include "dcap/crl.h"
#include "dcap/dcap.h"
#include "dcap/qe_identity.h"
#include "dcap/signed_json.h"
#include "dcap/tcb_info.h"

#include <glib.h>

#define DCAP_COLLATERAL_MAX_SIZE (8 * 1024 * 1024)

enum { DCAP_ROOT_CRL, DCAP_PCK_CRL, DCAP_N_CRLS };

/* Immutable after parsing, but for what is remembered about signatures and certificates, each under its own lock. */
struct DcapCollateral {
  gatomicrefcount refs;
  DcapCrl *crls[DCAP_N_CRLS];
  DcapSignedJson *tcb_document, *qe_document;
  DcapTcbInfo *tcb_info;       /* NULL when the text lacks something: tcb_info_error says what */
  DcapQeIdentity *qe_identity; /* NULL as above */
  GError *tcb_info_error, *qe_identity_error;
  char *pck_chain; /* PEM; NULL: the quote brings its own */
  DcapCertCache *certs;
};
