#include "tdx/simulated/certificate.h"

#include "crypto/digest.h"
#include "crypto/x509.h"
#include "tdx/simulated/der.h"
#include "tdx/simulated/ecdsa.h"

#include <string.h>

#define KEY_ID_SIZE 20
#define FIRST_GENERALIZED_YEAR 2050
#define CONTEXT_0 0xa0 /* constructed, context-specific */
#define CONTEXT_3 0xa3

typedef struct {
  const char *bytes;
  gsize len;
} Oid;
#define OID(text) ((Oid){text, sizeof text - 1})

#define OID_COMMON_NAME OID("\x55\x04\x03")
#define OID_ORGANIZATION OID("\x55\x04\x0a")
#define OID_COUNTRY OID("\x55\x04\x06")
#define OID_ECDSA_SHA256 OID("\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define OID_SUBJECT_KEY_ID OID("\x55\x1d\x0e")
#define OID_KEY_USAGE OID("\x55\x1d\x0f")
#define OID_BASIC_CONSTRAINTS OID("\x55\x1d\x13")
#define OID_CRL_NUMBER OID("\x55\x1d\x14")
#define OID_AUTHORITY_KEY_ID OID("\x55\x1d\x23")
#define OID_INTEL_PCK OID("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01")

static void put_oid(GByteArray *out, Oid oid) { der_put(out, DER_OID, oid.bytes, oid.len); }

static void put_algorithm(GByteArray *out) {
  GByteArray *algorithm = g_byte_array_new();
  put_oid(algorithm, OID_ECDSA_SHA256);
  der_wrap(out, DER_SEQUENCE, algorithm);
}

static void put_name_part(GByteArray *out, Oid oid, guint8 tag, const char *text) {
  GByteArray *pair = g_byte_array_new(), *set = g_byte_array_new();
  put_oid(pair, oid);
  der_put(pair, tag, text, strlen(text));
  der_wrap(set, DER_SEQUENCE, pair);
  der_wrap(out, DER_SET, set);
}

static void put_name(GByteArray *out, const char *common_name) {
  GByteArray *name = g_byte_array_new();
  put_name_part(name, OID_COMMON_NAME, DER_UTF8_STRING, common_name);
  put_name_part(name, OID_ORGANIZATION, DER_UTF8_STRING, "dstack simulated TEE");
  put_name_part(name, OID_COUNTRY, DER_PRINTABLE_STRING, "US");
  der_wrap(out, DER_SEQUENCE, name);
}

static void put_time(GByteArray *out, gint64 seconds) {
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
  gboolean is_late = g_date_time_get_year(time) >= FIRST_GENERALIZED_YEAR;
  g_autofree char *text = g_date_time_format(time, is_late ? "%Y%m%d%H%M%SZ" : "%y%m%d%H%M%SZ");
  der_put(out, is_late ? DER_GENERALIZED_TIME : DER_UTC_TIME, text, strlen(text));
}

static void key_id(EVP_PKEY *key, guint8 out[KEY_ID_SIZE]) {
  g_autoptr(GBytes) spki = p256_spki(key);
  guint8 digest[SHA256_SIZE];
  digest_sha256(g_bytes_get_data(spki, NULL), g_bytes_get_size(spki), digest);
  memcpy(out, digest, KEY_ID_SIZE);
}

/* Positive, never short: the same length for every key. */
static void put_serial(GByteArray *out, EVP_PKEY *key) {
  guint8 serial[KEY_ID_SIZE];
  key_id(key, serial);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  der_put_integer(out, serial, sizeof serial);
}

static void put_extension(GByteArray *out, Oid oid, gboolean critical, GByteArray *value) {
  GByteArray *extension = g_byte_array_new();
  put_oid(extension, oid);
  if (critical)
    der_put(extension, DER_BOOLEAN, "\xff", 1);
  der_wrap(extension, DER_OCTET_STRING, value);
  der_wrap(out, DER_SEQUENCE, extension);
}

static void put_authority_key_id(GByteArray *out, EVP_PKEY *key) {
  guint8 id[KEY_ID_SIZE];
  key_id(key, id);
  GByteArray *tagged = g_byte_array_new(), *value = g_byte_array_new();
  der_put(tagged, 0x80, id, sizeof id);
  der_wrap(value, DER_SEQUENCE, tagged);
  put_extension(out, OID_AUTHORITY_KEY_ID, FALSE, value);
}

static void put_subject_key_id(GByteArray *out, EVP_PKEY *key) {
  guint8 id[KEY_ID_SIZE];
  key_id(key, id);
  GByteArray *value = g_byte_array_new();
  der_put(value, DER_OCTET_STRING, id, sizeof id);
  put_extension(out, OID_SUBJECT_KEY_ID, FALSE, value);
}

static void put_key_usage(GByteArray *out, gboolean is_ca) {
  GByteArray *value = g_byte_array_new();
  /* keyCertSign and cRLSign, or digitalSignature and nonRepudiation */
  der_put(value, DER_BIT_STRING, is_ca ? "\x01\x06" : "\x06\xc0", 2);
  put_extension(out, OID_KEY_USAGE, TRUE, value);
}

static void put_basic_constraints(GByteArray *out, int ca_path_len) {
  GByteArray *constraints = g_byte_array_new(), *value = g_byte_array_new();
  if (ca_path_len >= 0) {
    der_put(constraints, DER_BOOLEAN, "\xff", 1);
    der_put_small_integer(constraints, (guint16)ca_path_len);
  }
  der_wrap(value, DER_SEQUENCE, constraints);
  put_extension(out, OID_BASIC_CONSTRAINTS, TRUE, value);
}

static void put_cert_extensions(GByteArray *out, const SimulatedCertSpec *spec) {
  GByteArray *list = g_byte_array_new(), *sequence = g_byte_array_new();
  put_authority_key_id(list, spec->issuer.key);
  put_subject_key_id(list, spec->subject.key);
  put_key_usage(list, spec->ca_path_len >= 0);
  put_basic_constraints(list, spec->ca_path_len);
  if (spec->pck_extension) {
    GByteArray *value = g_byte_array_new();
    der_put_raw(value, g_bytes_get_data(spec->pck_extension, NULL), g_bytes_get_size(spec->pck_extension));
    put_extension(list, OID_INTEL_PCK, FALSE, value);
  }
  der_wrap(sequence, DER_SEQUENCE, list);
  der_wrap(out, CONTEXT_3, sequence);
}

/* SEQUENCE { signed part, algorithm, signature }: the outer shape of certificates and CRLs. Frees `content`. */
static GBytes *sign_content(GByteArray *content, EVP_PKEY *key) {
  g_autoptr(GByteArray) to_sign = g_byte_array_new();
  der_wrap(to_sign, DER_SEQUENCE, content);
  g_autoptr(GBytes) signature = simulated_sign(key, to_sign->data, to_sign->len);
  GByteArray *parts = g_byte_array_new(), *out = g_byte_array_new();
  der_put_raw(parts, to_sign->data, to_sign->len);
  put_algorithm(parts);
  der_put_bits(parts, g_bytes_get_data(signature, NULL), g_bytes_get_size(signature));
  der_wrap(out, DER_SEQUENCE, parts);
  return g_byte_array_free_to_bytes(out);
}

GBytes *simulated_certificate(const SimulatedCertSpec *spec) {
  GByteArray *content = g_byte_array_new();
  GByteArray *version = g_byte_array_new(), *validity = g_byte_array_new();
  der_put_small_integer(version, 2); /* version 3 */
  der_wrap(content, CONTEXT_0, version);
  put_serial(content, spec->subject.key);
  put_algorithm(content);
  put_name(content, spec->issuer.common_name);
  put_time(validity, spec->not_before);
  put_time(validity, spec->not_after);
  der_wrap(content, DER_SEQUENCE, validity);
  put_name(content, spec->subject.common_name);
  g_autoptr(GBytes) spki = p256_spki(spec->subject.key);
  der_put_raw(content, g_bytes_get_data(spki, NULL), g_bytes_get_size(spki));
  put_cert_extensions(content, spec);
  return sign_content(content, spec->issuer.key);
}

char *simulated_certificate_pem(const SimulatedCertSpec *spec) {
  g_autoptr(GBytes) der = simulated_certificate(spec);
  g_autoptr(X509) cert = cert_from_der(g_bytes_get_data(der, NULL), g_bytes_get_size(der), NULL);
  return cert_to_pem(cert);
}

static void put_revoked(GByteArray *out, const SimulatedCrlSpec *spec) {
  if (!spec->revoked[0])
    return;
  GByteArray *list = g_byte_array_new();
  for (guint i = 0; spec->revoked[i]; i++) {
    GByteArray *entry = g_byte_array_new();
    put_serial(entry, spec->revoked[i]);
    put_time(entry, spec->this_update);
    der_wrap(list, DER_SEQUENCE, entry);
  }
  der_wrap(out, DER_SEQUENCE, list);
}

GBytes *simulated_crl(const SimulatedCrlSpec *spec) {
  GByteArray *content = g_byte_array_new();
  der_put_small_integer(content, 1); /* version 2 */
  put_algorithm(content);
  put_name(content, spec->issuer.common_name);
  put_time(content, spec->this_update);
  put_time(content, spec->next_update);
  put_revoked(content, spec);
  GByteArray *list = g_byte_array_new(), *sequence = g_byte_array_new(), *number = g_byte_array_new();
  der_put_small_integer(number, 1);
  put_extension(list, OID_CRL_NUMBER, FALSE, number);
  put_authority_key_id(list, spec->issuer.key);
  der_wrap(sequence, DER_SEQUENCE, list);
  der_wrap(content, CONTEXT_0, sequence);
  return sign_content(content, spec->issuer.key);
}
