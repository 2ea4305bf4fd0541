#include "dcap/crl.h"

#include "base/error.h"
#include "dcap/failure.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static gboolean is_canonical(X509_CRL *list, GBytes *der) {
  guint8 *encoded = NULL;
  int len = i2d_X509_CRL(list, &encoded);
  g_autoptr(GBytes) again = len > 0 ? g_bytes_new(encoded, (gsize)len) : NULL;
  OPENSSL_free(encoded);
  return again && g_bytes_equal(again, der);
}

/* No extension of a list or of its entries is understood here, so none may insist on being understood. */
static gboolean has_critical_extension(X509_CRL *list) {
  for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
    if (X509_EXTENSION_get_critical(X509_CRL_get_ext(list, i)))
      return TRUE;
  }
  STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
    const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
    for (int j = 0; j < X509_REVOKED_get_ext_count(entry); j++) {
      if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(entry, j)))
        return TRUE;
    }
  }
  return FALSE;
}

DcapCrl *dcap_crl_parse(GBytes *der, GError **error) {
  g_autoptr(DcapCrl) crl = g_new0(DcapCrl, 1);
  g_mutex_init(&crl->memo.lock);
  gsize len;
  const guint8 *start = g_bytes_get_data(der, &len), *end = start;
  crl->list = len <= DCAP_CRL_MAX_SIZE ? d2i_X509_CRL(NULL, &end, (long)len) : NULL;
  const char *why = NULL;
  if (!crl->list || end != start + len || !is_canonical(crl->list, der))
    why = "not exactly one DER revocation list";
  else if (X509_CRL_get_signature_nid(crl->list) != NID_ecdsa_with_SHA256)
    why = "not signed with ECDSA and SHA-256";
  else if (!dcap_asn1_time(X509_CRL_get0_lastUpdate(crl->list), &crl->this_update) ||
           !dcap_asn1_time(X509_CRL_get0_nextUpdate(crl->list), &crl->next_update))
    why = "malformed dates, or no next update";
  ERR_clear_error();
  if (why) {
    g_set_error_literal(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, why);
    return NULL;
  }
  crl->has_unknown_critical = has_critical_extension(crl->list);
  return g_steal_pointer(&crl);
}

void dcap_crl_free(DcapCrl *crl) {
  if (!crl)
    return;
  X509_CRL_free(crl->list);
  g_mutex_clear(&crl->memo.lock);
  g_free(crl);
}

static gboolean names_issuer(const DcapCrl *crl, const DcapCert *issuer) {
  const guint8 *name;
  gsize len;
  return X509_NAME_get0_der(X509_CRL_get_issuer(crl->list), &name, &len) == 1 && len == issuer->subject_len &&
         memcmp(name, issuer->subject, len) == 0;
}

static gboolean signed_by(DcapCrl *crl, const DcapCert *issuer) {
  if (dcap_memo_signed_by(&crl->memo, issuer->point))
    return TRUE;
  gboolean good = X509_CRL_verify(crl->list, X509_get0_pubkey(issuer->x509)) == 1;
  ERR_clear_error();
  if (good)
    dcap_memo_remember(&crl->memo, issuer->point);
  return good;
}

static DcapFailure check_one(DcapCrl *crl, const DcapCert *cert, const DcapCert *issuer, gint64 now, GError **error) {
  const char *name = issuer->common_name;
  if (!issuer->may_sign_crls || !signed_by(crl, issuer))
    return dcap_fail(error, DCAP_CHAIN_INVALID, "revocation list of '%s' is not signed by it", name);
  if (crl->has_unknown_critical)
    return dcap_fail(error, DCAP_CHAIN_INVALID, "revocation list of '%s' has a critical extension", name);
  if (now < crl->this_update)
    return dcap_fail(error, DCAP_ISSUED_IN_FUTURE, "revocation list of '%s'", name);
  if (now >= crl->next_update)
    return dcap_fail(error, DCAP_EXPIRED, "revocation list of '%s'", name);
  X509_REVOKED *entry;
  if (X509_CRL_get0_by_serial(crl->list, &entry, X509_get_serialNumber(cert->x509)) != 0)
    return dcap_fail(error, DCAP_REVOKED, "certificate '%s'", cert->common_name);
  return DCAP_OK;
}

DcapFailure dcap_crls_check(DcapCrl *const *crls, gsize n_crls, const DcapCert *cert, const DcapCert *issuer,
                            gint64 now, GError **error) {
  gboolean covered = FALSE;
  for (gsize i = 0; i < n_crls; i++) {
    if (!names_issuer(crls[i], issuer))
      continue;
    DcapFailure failure = check_one(crls[i], cert, issuer, now, error);
    if (failure != DCAP_OK)
      return failure;
    covered = TRUE;
  }
  if (!covered)
    return dcap_fail(error, DCAP_CHAIN_INVALID, "no revocation list of '%s'", issuer->common_name);
  return DCAP_OK;
}
