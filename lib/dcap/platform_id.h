/* Which collateral a quote needs: Intel's services hold one set for each kind of TEE, platform model and authority. */
#pragma once

#include "dcap/certificate.h"
#include "dcap/pck.h"
#include "tdx/quote.h"

#include <glib.h>

typedef struct {
  TeeType tee;
  guint8 fmspc[6];
  const char *authority; /* "platform" or "processor"; static */
} DcapPlatformId;

/* `leaf` is the PCK certificate, whose issuer names the authority (B.2). */
DcapPlatformId dcap_platform_id(const Quote *quote, const DcapPck *pck, const DcapCert *leaf);

/* What a quote says in place of its PCK certificate: certification data types 2 and 3. */
typedef struct {
  guint8 qe_id[16];
  const guint8 *encrypted_ppid; /* inside the quote */
  gsize encrypted_ppid_len;     /* 256 or 384 */
  guint8 cpu_svn[16], pce_svn[2], pce_id[2];
} DcapPckRequest;
/* FALSE for other types, and for data of the wrong size. */
gboolean dcap_pck_request(const Quote *quote, DcapPckRequest *out);
