/* Certificate chains of DCAP: from PEM to a path that ends in the trust anchor (B.6). */
#pragma once

#include "dcap/certificate.h"
#include "dcap/crl.h"
#include "dcap/dcap.h"

#include <glib.h>

/* Certificates seen before, so that each is parsed, and its signature computed, once. Bounded; shared
 * between threads. */
typedef struct DcapCertCache DcapCertCache;
DcapCertCache *dcap_cert_cache_new(void);
void dcap_cert_cache_free(DcapCertCache *cache);

/* Leaf first, as supplied. Element type DcapCert*. Error INVALID or TOO_LARGE. `cache` may be NULL. */
GPtrArray *dcap_chain_parse(const char *pem, gsize len, DcapCertCache *cache, GError **error);
/* One certificate, from the cache if it is there. */
DcapCert *dcap_cert_cache_parse(DcapCertCache *cache, GBytes *der, GError **error);
/* To be called for certificates that an operator supplied, and for those of quotes once their chain has verified. */
void dcap_cert_cache_add(DcapCertCache *cache, DcapCert *cert);

typedef struct {
  const DcapCert *root;
  gboolean intel_names; /* the root is Intel's, so that subject names mean something */
  DcapCrl *const *crls;
  gsize n_crls;
  gint64 now;
} DcapTrust;

/* The anchor itself: its dates, and the revocation list it signs. */
DcapFailure dcap_anchor_verify(const DcapTrust *trust, GError **error);
/* The whole chain as it stands must be the path: every certificate issued by the next, the last one the anchor or
 * issued by it, all of them valid now. `leaf_name` must be part of the leaf's common name under Intel's root. */
DcapFailure dcap_path_verify(const GPtrArray *chain, const DcapTrust *trust, const char *leaf_name, GError **error);
/* The same, and none of them revoked. */
DcapFailure dcap_chain_verify(const GPtrArray *chain, const DcapTrust *trust, const char *leaf_name, GError **error);
