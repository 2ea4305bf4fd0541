#include "dcap/certificate.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define UNCOMPRESSED_POINT 4
#define NAME_MAX_SIZE 256

gboolean dcap_asn1_time(const ASN1_TIME *time, gint64 *out) {
  struct tm fields;
  if (!time || ASN1_TIME_check(time) != 1 || ASN1_TIME_to_tm(time, &fields) != 1)
    return FALSE;
  *out = (gint64)timegm(&fields);
  return TRUE;
}

/* Another encoding of the same content would make two certificates equal that are not the same bytes. */
static gboolean is_canonical(X509 *x509, GBytes *der) {
  guint8 *encoded = NULL;
  int len = i2d_X509(x509, &encoded);
  g_autoptr(GBytes) again = len > 0 ? g_bytes_new(encoded, (gsize)len) : NULL;
  OPENSSL_free(encoded);
  return again && g_bytes_equal(again, der);
}

static gboolean take_key(DcapCert *cert) {
  ASN1_OBJECT *algorithm;
  const guint8 *point;
  int point_len;
  X509_ALGOR *identifier;
  if (X509_PUBKEY_get0_param(&algorithm, &point, &point_len, &identifier, X509_get_X509_PUBKEY(cert->x509)) != 1)
    return FALSE;
  int parameter_type;
  const void *curve;
  X509_ALGOR_get0(NULL, &parameter_type, &curve, identifier);
  if (OBJ_obj2nid(algorithm) != NID_X9_62_id_ecPublicKey || parameter_type != V_ASN1_OBJECT ||
      OBJ_obj2nid(curve) != NID_X9_62_prime256v1 || point_len != 65 || point[0] != UNCOMPRESSED_POINT)
    return FALSE;
  memcpy(cert->point, point + 1, sizeof cert->point);
  return TRUE;
}

/* Only what the path rules understand may be critical, and nothing may stand there twice. */
static gboolean extensions_allowed(X509 *x509) {
  int count = X509_get_ext_count(x509);
  if (count > DCAP_CERT_MAX_EXTENSIONS)
    return FALSE;
  for (int i = 0; i < count; i++) {
    X509_EXTENSION *extension = X509_get_ext(x509, i);
    ASN1_OBJECT *oid = X509_EXTENSION_get_object(extension);
    if (X509_get_ext_by_OBJ(x509, oid, i) != -1)
      return FALSE;
    int nid = OBJ_obj2nid(oid);
    gboolean known = nid == NID_basic_constraints || nid == NID_key_usage || nid == NID_ext_key_usage;
    if (X509_EXTENSION_get_critical(extension) && !known)
      return FALSE;
  }
  return (X509_get_extension_flags(x509) & EXFLAG_INVALID) == 0;
}

static void take_permissions(DcapCert *cert) {
  guint32 usage = X509_get_key_usage(cert->x509);
  guint32 flags = X509_get_extension_flags(cert->x509);
  cert->is_ca = (flags & EXFLAG_BCONS) && (flags & EXFLAG_CA);
  cert->path_len = X509_get_pathlen(cert->x509);
  cert->may_sign_certs = (usage & KU_KEY_CERT_SIGN) != 0;
  cert->may_sign_crls = (usage & KU_CRL_SIGN) != 0;
  cert->may_serve_tls = (X509_get_extended_key_usage(cert->x509) & XKU_SSL_SERVER) != 0;
}

/* As valid UTF-8 whatever the certificate says: it goes into error texts. */
static char *common_name(X509_NAME *subject) {
  int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  guint8 *text = NULL;
  int len = index < 0 ? 0 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  char *name = g_utf8_make_valid(len > 0 ? (const char *)text : "", len > 0 ? MIN(len, NAME_MAX_SIZE) : 0);
  OPENSSL_free(text);
  return name;
}

static gboolean take_names(DcapCert *cert) {
  X509_NAME *subject = X509_get_subject_name(cert->x509);
  cert->common_name = common_name(subject);
  return X509_NAME_get0_der(subject, &cert->subject, &cert->subject_len) == 1 &&
         X509_NAME_get0_der(X509_get_issuer_name(cert->x509), &cert->issuer, &cert->issuer_len) == 1;
}

static const char *take_facts(DcapCert *cert) {
  if (X509_get_version(cert->x509) != X509_VERSION_3)
    return "not an X.509 version 3 certificate";
  if (X509_get_signature_nid(cert->x509) != NID_ecdsa_with_SHA256)
    return "not signed with ECDSA and SHA-256";
  if (!take_key(cert))
    return "not a P-256 key";
  if (!extensions_allowed(cert->x509))
    return "an extension is duplicate, malformed, or critical and unknown";
  if (!dcap_asn1_time(X509_get0_notBefore(cert->x509), &cert->not_before) ||
      !dcap_asn1_time(X509_get0_notAfter(cert->x509), &cert->not_after))
    return "malformed validity";
  if (!take_names(cert))
    return "malformed name";
  take_permissions(cert);
  return NULL;
}

DcapCert *dcap_cert_parse(GBytes *der, GError **error) {
  g_autoptr(DcapCert) cert = g_new0(DcapCert, 1);
  g_atomic_ref_count_init(&cert->refs);
  g_mutex_init(&cert->memo.lock);
  cert->der = g_bytes_ref(der);
  gsize len;
  const guint8 *start = g_bytes_get_data(der, &len), *end = start;
  cert->x509 = len <= G_MAXLONG ? d2i_X509(NULL, &end, (long)len) : NULL;
  const char *why = "not exactly one DER certificate";
  if (cert->x509 && end == start + len && is_canonical(cert->x509, der))
    why = take_facts(cert);
  ERR_clear_error();
  if (!why)
    return g_steal_pointer(&cert);
  g_set_error_literal(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, why);
  return NULL;
}

DcapCert *dcap_cert_ref(DcapCert *cert) {
  g_atomic_ref_count_inc(&cert->refs);
  return cert;
}

void dcap_cert_unref(DcapCert *cert) {
  if (!g_atomic_ref_count_dec(&cert->refs))
    return;
  g_bytes_unref(cert->der);
  X509_free(cert->x509);
  g_free(cert->common_name);
  g_mutex_clear(&cert->memo.lock);
  g_free(cert);
}

gboolean dcap_cert_equal(const DcapCert *a, const DcapCert *b) { return g_bytes_equal(a->der, b->der); }

gboolean dcap_cert_issued_by(DcapCert *cert, const DcapCert *issuer) {
  if (cert->issuer_len != issuer->subject_len || memcmp(cert->issuer, issuer->subject, cert->issuer_len) != 0)
    return FALSE;
  if (dcap_memo_signed_by(&cert->memo, issuer->point))
    return TRUE;
  gboolean good = X509_verify(cert->x509, X509_get0_pubkey(issuer->x509)) == 1;
  ERR_clear_error();
  if (good)
    dcap_memo_remember(&cert->memo, issuer->point);
  return good;
}
