/* Building certificates by the rules of spec kms 3.3. */
#include "crypto/x509.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NOT_BEFORE_DEFAULT 157766400            /* 1975-01-01T00:00:00Z */
#define VALIDITY_DEFAULT (3650LL * 86400)       /* seconds */
#define TIME_FIRST (-62135596800LL)             /* 0001-01-01T00:00:00Z */
#define TIME_LAST 253402300799LL                /* 9999-12-31T23:59:59Z */
#define SERIAL_SIZE 20
#define KEY_ID_SIZE 20

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_INTEGER, ASN1_INTEGER_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_OBJECT, ASN1_OBJECT_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_TIME, ASN1_TIME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GENERAL_NAMES, GENERAL_NAMES_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_EXTENSION, X509_EXTENSION_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_NAME, X509_NAME_free)

static gboolean invalid(GError **error, const char *what) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate: %s", what);
  return FALSE;
}

static gboolean failed(GError **error, const char *what) {
  ERR_clear_error();
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to set a certificate's %s", what);
  return FALSE;
}

static gboolean set_serial(X509 *cert, EVP_PKEY *key, GError **error) {
  guint8 point[65], hash[SHA256_SIZE];
  p256_point(key, point);
  digest_sha256(point, sizeof point, hash);
  hash[0] &= 0x7f;
  g_autoptr(BIGNUM) number = BN_bin2bn(hash, SERIAL_SIZE, NULL);
  g_autoptr(ASN1_INTEGER) serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
  return (serial && X509_set_serialNumber(cert, serial) == 1) || failed(error, "serial number");
}

static gboolean set_validity(X509 *cert, const CertSpec *spec, GError **error) {
  const gint64 from = spec->not_before ? spec->not_before : NOT_BEFORE_DEFAULT;
  const gint64 to = spec->not_after ? spec->not_after : g_get_real_time() / G_USEC_PER_SEC + VALIDITY_DEFAULT;
  if (from < TIME_FIRST || to > TIME_LAST)
    return invalid(error, "a time is outside the years 1 to 9999");
  if (from >= to)
    return invalid(error, "not_before must be earlier than not_after (when that is not given: ten years from now)");
  g_autoptr(ASN1_TIME) first = ASN1_TIME_set(NULL, from);
  g_autoptr(ASN1_TIME) last = ASN1_TIME_set(NULL, to);
  return (first && last && X509_set1_notBefore(cert, first) == 1 && X509_set1_notAfter(cert, last) == 1) ||
         failed(error, "validity");
}

/* Written as UTF8String directly: OpenSSL's helpers for text would refuse a common name that is empty or over 64. */
static gboolean add_name(X509_NAME *name, int nid, const char *value, GError **error) {
  const gsize len = strlen(value);
  if (len > CERT_MAX_NAME || !g_utf8_validate(value, (gssize)len, NULL))
    return invalid(error, "a subject name is too long or no utf-8");
  return X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING, (const guint8 *)value, (int)len, -1, 0) == 1 ||
         failed(error, "subject");
}

static gboolean set_names(X509 *cert, const CertSpec *spec, X509 *issuer, GError **error) {
  g_autoptr(X509_NAME) name = X509_NAME_new();
  if (!name || (spec->organization && !add_name(name, NID_organizationName, spec->organization, error)) ||
      (spec->common_name && !add_name(name, NID_commonName, spec->common_name, error)))
    return FALSE;
  return (X509_set_subject_name(cert, name) == 1 &&
          X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name) == 1) ||
         failed(error, "names");
}

static gboolean append_extension(X509 *cert, int nid, gboolean critical, const void *data, gsize len, GError **error) {
  g_autoptr(ASN1_OCTET_STRING) value = ASN1_OCTET_STRING_new();
  g_autoptr(X509_EXTENSION) extension = NULL;
  if (value && ASN1_OCTET_STRING_set(value, data, (int)len) == 1)
    extension = X509_EXTENSION_create_by_NID(NULL, nid, critical, value);
  return (extension && X509_add_ext(cert, extension, -1) == 1) || failed(error, OBJ_nid2sn(nid));
}

static GENERAL_NAME *general_name(const char *text, GError **error) {
  guint8 address[sizeof(struct in6_addr)];
  const int address_len = inet_pton(AF_INET, text, address) == 1 ? 4 : inet_pton(AF_INET6, text, address) == 1 ? 16 : 0;
  if (strlen(text) > CERT_MAX_NAME || !g_str_is_ascii(text)) {
    invalid(error, "an alternative name is too long or not ascii");
    return NULL;
  }
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_STRING *value = ASN1_STRING_type_new(address_len ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  if (!name || !value || !ASN1_STRING_set(value, address_len ? (const void *)address : text, address_len ? address_len : -1))
    g_error("out of memory for a certificate");
  GENERAL_NAME_set0_value(name, address_len ? GEN_IPADD : GEN_DNS, value);
  return name;
}

static gboolean add_alt_names(X509 *cert, const char *const *names, GError **error) {
  if (!names || !names[0])
    return TRUE;
  if (g_strv_length((char **)names) > CERT_MAX_ALT_NAMES)
    return invalid(error, "too many alternative names");
  g_autoptr(GENERAL_NAMES) list = GENERAL_NAMES_new();
  for (; *names; names++) {
    GENERAL_NAME *name = general_name(*names, error);
    if (!name)
      return FALSE;
    if (!list || sk_GENERAL_NAME_push(list, name) <= 0)
      g_error("out of memory for a certificate");
  }
  return X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_APPEND) == 1 ||
         failed(error, "alternative names");
}

/* Two bytes with seven unused bits: not minimal, but what every dstack certificate has. */
static gboolean add_key_usage(X509 *cert, gboolean ca, GError **error) {
  const guint8 bits[] = {V_ASN1_BIT_STRING, 3, 7, ca ? 0x86 : 0x80, 0};
  return append_extension(cert, NID_key_usage, TRUE, bits, sizeof bits, error);
}

static gboolean add_extended_usage(X509 *cert, const CertSpec *spec, GError **error) {
  if (!spec->server_auth && !spec->client_auth)
    return TRUE;
  g_autoptr(EXTENDED_KEY_USAGE) usages = EXTENDED_KEY_USAGE_new();
  if (!usages || (spec->server_auth && sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_server_auth)) <= 0) ||
      (spec->client_auth && sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_client_auth)) <= 0))
    g_error("out of memory for a certificate");
  return X509_add1_ext_i2d(cert, NID_ext_key_usage, usages, 0, X509V3_ADD_APPEND) == 1 ||
         failed(error, "extended key usage");
}

static gboolean add_ca(X509 *cert, EVP_PKEY *key, int path_len, GError **error) {
  g_autoptr(GBytes) spki = p256_spki(key);
  guint8 key_id[2 + SHA256_SIZE] = {V_ASN1_OCTET_STRING, KEY_ID_SIZE};
  digest_sha256(g_bytes_get_data(spki, NULL), g_bytes_get_size(spki), key_id + 2);
  if (!append_extension(cert, NID_subject_key_identifier, FALSE, key_id, 2 + KEY_ID_SIZE, error))
    return FALSE;
  g_autoptr(BASIC_CONSTRAINTS) constraints = BASIC_CONSTRAINTS_new();
  if (!constraints || !(constraints->pathlen = ASN1_INTEGER_new()) || !ASN1_INTEGER_set(constraints->pathlen, path_len))
    g_error("out of memory for a certificate");
  constraints->ca = 0xff;
  return X509_add1_ext_i2d(cert, NID_basic_constraints, constraints, 1, X509V3_ADD_APPEND) == 1 ||
         failed(error, "basic constraints");
}

/* The extension's value is the DER of an OCTET STRING, itself wrapped in the OCTET STRING every extension has. */
static gboolean add_custom(X509 *cert, const CertExtension *custom, GError **error) {
  gsize len;
  const void *content = g_bytes_get_data(custom->content, &len);
  if (len > CERT_MAX_SIZE)
    return invalid(error, "an extension is too long");
  g_autoptr(ASN1_OBJECT) oid = OBJ_txt2obj(custom->oid, 1);
  g_autoptr(ASN1_OCTET_STRING) inner = ASN1_OCTET_STRING_new();
  g_autoptr(ASN1_OCTET_STRING) outer = ASN1_OCTET_STRING_new();
  if (!oid || !inner || !outer || !ASN1_OCTET_STRING_set(inner, content, (int)len))
    return failed(error, "custom extension");
  guint8 *der = NULL;
  const int der_len = i2d_ASN1_OCTET_STRING(inner, &der);
  if (der_len < 0)
    return failed(error, "custom extension");
  ASN1_STRING_set0(outer, der, der_len);
  g_autoptr(X509_EXTENSION) extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, outer);
  return (extension && X509_add_ext(cert, extension, -1) == 1) || failed(error, "custom extension");
}

static gboolean add_extensions(X509 *cert, const CertSpec *spec, EVP_PKEY *key, GError **error) {
  const gboolean ca = spec->ca_path_len >= 0;
  const gboolean any_name = spec->alt_names && spec->alt_names[0];
  if (!any_name && !spec->server_auth && !spec->client_auth && !ca && !spec->n_extensions)
    return TRUE;
  if (!add_alt_names(cert, spec->alt_names, error) || !add_key_usage(cert, ca, error) ||
      !add_extended_usage(cert, spec, error) || (ca && !add_ca(cert, key, spec->ca_path_len, error)))
    return FALSE;
  for (gsize i = 0; i < spec->n_extensions; i++)
    if (!add_custom(cert, &spec->extensions[i], error))
      return FALSE;
  return TRUE;
}

static gboolean issuer_matches(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *subject_key, GError **error) {
  if (issuer ? EVP_PKEY_eq(X509_get0_pubkey(issuer), issuer_key) == 1 : EVP_PKEY_eq(subject_key, issuer_key) == 1)
    return TRUE;
  ERR_clear_error();
  return invalid(error, "the issuer's certificate and key do not belong together");
}

X509 *cert_build(const CertSpec *spec, EVP_PKEY *subject_key, X509 *issuer, EVP_PKEY *issuer_key, GError **error) {
  if (!issuer_matches(issuer, issuer_key, subject_key, error))
    return NULL;
  g_autoptr(X509) cert = X509_new();
  if (!cert || X509_set_version(cert, X509_VERSION_3) != 1 || X509_set_pubkey(cert, subject_key) != 1)
    g_error("out of memory for a certificate");
  if (!set_serial(cert, subject_key, error) || !set_validity(cert, spec, error) ||
      !set_names(cert, spec, issuer, error) || !add_extensions(cert, spec, subject_key, error))
    return NULL;
  if (X509_sign(cert, issuer_key, EVP_sha256()) <= 0) {
    failed(error, "signature");
    return NULL;
  }
  return g_steal_pointer(&cert);
}
