#include "dcap/chain.h"

#include "dcap/failure.h"

#include <string.h>

#define CHAIN_MIN_CERTS 2

static const DcapCert *at(const GPtrArray *chain, guint i) { return chain->pdata[i]; }

/* Certificates after the leaf and before the anchor, which may or may not stand at the end of the chain. */
static guint path_length(const GPtrArray *chain, const DcapTrust *trust) {
  if (chain->len == 0)
    return 0;
  return dcap_cert_equal(at(chain, chain->len - 1), trust->root) ? chain->len - 1 : chain->len;
}

static const DcapCert *issuer_of(const GPtrArray *chain, guint i, guint length, const DcapTrust *trust) {
  return i + 1 < length ? at(chain, i + 1) : trust->root;
}

/* May `issuer` stand above `below` intermediate certificates and a leaf? */
static gboolean may_issue(const DcapCert *issuer, guint below) {
  return issuer->is_ca && issuer->may_sign_certs && issuer->may_serve_tls &&
         (issuer->path_len < 0 || (guint)issuer->path_len >= below);
}

static DcapFailure check_links(const GPtrArray *chain, guint length, const DcapTrust *trust, GError **error) {
  if (at(chain, 0)->is_ca)
    return dcap_fail(error, DCAP_CHAIN_INVALID, "'%s' is an authority, not an end entity", at(chain, 0)->common_name);
  for (guint i = 0; i < length; i++) {
    DcapCert *cert = chain->pdata[i];
    const DcapCert *issuer = issuer_of(chain, i, length, trust);
    if (dcap_cert_equal(cert, trust->root))
      return dcap_fail(error, DCAP_CHAIN_INVALID, "the anchor stands inside the chain");
    if (!dcap_cert_issued_by(cert, issuer))
      return dcap_fail(error, DCAP_CHAIN_INVALID, "'%s' is not issued by '%s'", cert->common_name, issuer->common_name);
    if (!may_issue(issuer, i))
      return dcap_fail(error, DCAP_CHAIN_INVALID, "'%s' may not issue certificates here", issuer->common_name);
    if (!cert->may_serve_tls)
      return dcap_fail(error, DCAP_CHAIN_INVALID, "'%s' has another purpose", cert->common_name);
  }
  return DCAP_OK;
}

static DcapFailure check_dates(const DcapCert *cert, gint64 now, GError **error) {
  if (now < cert->not_before)
    return dcap_fail(error, DCAP_EXPIRED, "certificate '%s' is not valid yet", cert->common_name);
  if (now > cert->not_after)
    return dcap_fail(error, DCAP_EXPIRED, "certificate '%s'", cert->common_name);
  return DCAP_OK;
}

DcapFailure dcap_anchor_verify(const DcapTrust *trust, GError **error) {
  DcapFailure failure = check_dates(trust->root, trust->now, error);
  if (failure != DCAP_OK)
    return failure;
  return dcap_crls_check(trust->crls, trust->n_crls, trust->root, trust->root, trust->now, error);
}

DcapFailure dcap_path_verify(const GPtrArray *chain, const DcapTrust *trust, const char *leaf_name, GError **error) {
  if (chain->len < CHAIN_MIN_CERTS)
    return dcap_fail(error, DCAP_CHAIN_INVALID, "%u certificates, expected at least %d", chain->len, CHAIN_MIN_CERTS);
  guint length = path_length(chain, trust);
  DcapFailure failure = check_links(chain, length, trust, error);
  if (failure != DCAP_OK)
    return failure;
  if (trust->intel_names && !strstr(at(chain, 0)->common_name, leaf_name))
    return dcap_fail(error, DCAP_CHAIN_INVALID, "'%s' is not an '%s'", at(chain, 0)->common_name, leaf_name);
  for (guint i = 0; i < length && failure == DCAP_OK; i++)
    failure = check_dates(at(chain, i), trust->now, error);
  return failure;
}

DcapFailure dcap_chain_verify(const GPtrArray *chain, const DcapTrust *trust, const char *leaf_name, GError **error) {
  DcapFailure failure = dcap_path_verify(chain, trust, leaf_name, error);
  guint length = path_length(chain, trust);
  for (guint i = 0; i < length && failure == DCAP_OK; i++)
    failure = dcap_crls_check(trust->crls, trust->n_crls, at(chain, i), issuer_of(chain, i, length, trust), trust->now,
                              error);
  return failure;
}
