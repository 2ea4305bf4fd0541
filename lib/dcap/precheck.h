/* What can be said about a quote before its collateral is there: it decides whether anything is fetched on its behalf.
 */
#pragma once

#include "dcap/chain.h"
#include "dcap/dcap.h"
#include "dcap/pck.h"

/* All signatures of the quote, up to the trust anchor; no revocation, no TCB. `pck_pem` NULL: the quote's own chain. On
 * DCAP_OK *pck says which platform model it is, and *leaf (new reference) which authority issued its certificate. */
DcapFailure dcap_precheck(const Quote *quote, const char *pck_pem, DcapCertCache *certs, const DcapOptions *options,
                          DcapPck *pck, DcapCert **leaf, GError **error);
