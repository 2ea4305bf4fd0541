/* Tests of lib/crypto: building certificates. Vectors: spec kms 3.3, 3.4, 4.5. */
#include "base/error.h"
#include "crypto/x509.h"
#include "vectors.h"

#include <openssl/x509v3.h>
#include <string.h>

#define ROOT "f57527cea4ab7ffb49af99b158cdc0e3ec06398f528349ea236b7d2afe19cec1"
#define OID_APP_ID "1.3.6.1.4.1.62397.1.3"
#define OID_USAGE "1.3.6.1.4.1.62397.1.4"
#define YEAR_2035 2051222400

static EVP_PKEY *key_of(const char *scalar_hex) {
  g_autoptr(Secret) scalar = unhex_secret(scalar_hex);
  EVP_PKEY *key = p256_from_scalar(scalar, NULL);
  g_assert_nonnull(key);
  return key;
}

static X509 *build(const CertSpec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
  g_autoptr(GError) error = NULL;
  X509 *cert = cert_build(spec, key, issuer, issuer_key, &error);
  g_assert_no_error(error);
  return cert;
}

static void assert_tbs_hex(X509 *cert, const char *expected) {
  guint8 *der = NULL;
  const int len = i2d_re_X509_tbs(cert, &der);
  assert_hex(der, (gsize)len, expected);
  OPENSSL_free(der);
}

static void assert_serial(X509 *cert, const char *expected) {
  const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
  assert_hex(ASN1_STRING_get0_data(serial), (gsize)ASN1_STRING_length(serial), expected);
}

static void assert_key_id(X509 *cert, const char *expected) {
  const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert);
  assert_hex(ASN1_STRING_get0_data(id), (gsize)ASN1_STRING_length(id), expected);
}

static const CertSpec root_spec = {.organization = "Dstack", .common_name = "Dstack KMS CA", .ca_path_len = 1};
static const CertSpec leaf_spec = {.common_name = "leaf", .ca_path_len = -1};

static void test_app_ca(void) {
  g_autoptr(EVP_PKEY) root_key = key_of(ROOT);
  g_autoptr(X509) root = build(&root_spec, root_key, NULL, root_key);
  assert_serial(root, "6078317e8a0f260d06534a3d2a4d0fa135a75721");
  assert_key_id(root, "5df9d433e05d122dc5d6b8afa7d0ca8083182348");
  g_autoptr(EVP_PKEY) key = key_of("198f5c939f0a80b015a69156aecd50ffc589e0a951dd59310ad73776eda2680c");
  g_autoptr(GBytes) app_id = unhex("32467b43bfa67273fc7ddda0999ee9a12f2aaa08");
  g_autoptr(GBytes) usage = g_bytes_new_static("app:ca", 6);
  const CertExtension extensions[] = {{OID_APP_ID, app_id}, {OID_USAGE, usage}};
  const CertSpec spec = {.organization = "Dstack",
                         .common_name = "Dstack App CA",
                         .extensions = extensions,
                         .n_extensions = 2,
                         .not_after = YEAR_2035};
  g_autoptr(X509) cert = build(&spec, key, root, root_key);
  assert_tbs_hex(
      cert, "30820180a0030201020214236aad9f82ef8b0c8884a0c17dbf2402198556b4300a06082a8648ce3d0403023029310f300d060355040a0c"
            "0644737461636b3116301406035504030c0d44737461636b204b4d53204341301e170d3735303130313030303030305a170d333530313031"
            "3030303030305a3029310f300d060355040a0c0644737461636b3116301406035504030c0d44737461636b204170702043413059301306072a"
            "8648ce3d020106082a8648ce3d03010703420004f6c653c1a7ecc54aca53986c7ea3c25fc94cce62c35a93db588411fb643a11b4dcc07fb27c"
            "929f83700230648694d6322d1ed819f8c450ccd8bae900c358cb71a38185308182300f0603551d0f0101ff04050303078600301d0603551d0e"
            "041604149ef5c7ffe0be83f918c45c8c31170e88462f2dca30120603551d130101ff040830060101ff0201003024060a2b0601040183e73d01"
            "030416041432467b43bfa67273fc7ddda0999ee9a12f2aaa083016060a2b0601040183e73d0104040804066170703a6361");
  g_autoptr(GPtrArray) chain = g_ptr_array_new();
  g_ptr_array_add(chain, cert);
  g_assert_true(certs_verify_chain(chain, root, YEAR_2035 - 1, NULL));
}

/* spec kms 4.5, vector 2: certificates the reference made follow the same rules. */
static void test_fixture_identifiers(void) {
  g_autoptr(EVP_PKEY) key = key_of("d4f60214a61f0e651fbf97e4b2da696ac7f898f1aa9f3d1f1282c49c6c7c0a72");
  g_autoptr(X509) cert = build(&root_spec, key, NULL, key);
  assert_serial(cert, "53bf34d7e92b0acd8ea487677b7b7a396ac9d9f3");
  assert_key_id(cert, "7af8c9f9564fbc3c472767a38de21a51830c7047");
}

static void test_plain_leaf_has_no_extensions(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) cert = build(&leaf_spec, key, NULL, key);
  g_assert_cmpint(X509_get_ext_count(cert), ==, 0);
  g_assert_cmpint(X509_get_version(cert), ==, X509_VERSION_3);
  g_assert_cmpint(ASN1_STRING_type(X509_get0_notBefore(cert)), ==, V_ASN1_UTCTIME);
  g_assert_cmpint(X509_cmp_time(X509_get0_notAfter(cert), &(time_t){time(NULL) + 3649 * 86400}), >, 0);
  g_assert_cmpint(X509_cmp_time(X509_get0_notAfter(cert), &(time_t){time(NULL) + 3651 * 86400}), <, 0);
}

static void test_leaf_extensions(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  const char *const names[] = {"a.example", "10.0.2.2", "::1", "*.b.example", "1.2.3", NULL};
  g_autoptr(GBytes) usage = g_bytes_new_static("kms:rpc", 7);
  const CertExtension extension = {OID_USAGE, usage};
  const CertSpec spec = {.common_name = "leaf",
                         .alt_names = names,
                         .server_auth = TRUE,
                         .client_auth = TRUE,
                         .ca_path_len = -1,
                         .extensions = &extension,
                         .n_extensions = 1};
  g_autoptr(X509) cert = build(&spec, key, NULL, key);
  const int order[] = {NID_subject_alt_name, NID_key_usage, NID_ext_key_usage, NID_undef};
  g_assert_cmpint(X509_get_ext_count(cert), ==, G_N_ELEMENTS(order));
  for (int i = 0; i < (int)G_N_ELEMENTS(order); i++) {
    X509_EXTENSION *at = X509_get_ext(cert, i);
    g_assert_cmpint(OBJ_obj2nid(X509_EXTENSION_get_object(at)), ==, order[i]);
    g_assert_cmpint(X509_EXTENSION_get_critical(at), ==, order[i] == NID_key_usage);
  }
  g_autoptr(GBytes) alt_names = NULL, key_usage = NULL, extended = NULL, custom = NULL;
  g_assert_true(cert_extension_raw(cert, "2.5.29.17", &alt_names, NULL));
  assert_bytes_hex(alt_names, "30378209612e6578616d706c6587040a0002028710000000000000000000000000000000018"
                              "20b2a2e622e6578616d706c658205312e322e33");
  g_assert_true(cert_extension_raw(cert, "2.5.29.15", &key_usage, NULL));
  assert_bytes_hex(key_usage, "0303078000");
  g_assert_true(cert_extension_raw(cert, "2.5.29.37", &extended, NULL));
  assert_bytes_hex(extended, "301406082b0601050507030106082b06010505070302");
  g_assert_true(cert_extension_raw(cert, OID_USAGE, &custom, NULL));
  assert_bytes_hex(custom, "04076b6d733a727063");
  g_assert_cmpint(X509_check_ip_asc(cert, "10.0.2.2", 0), ==, 1);
  g_assert_cmpint(X509_check_host(cert, "x.b.example", 0, 0, NULL), ==, 1);
}

static void assert_common_name(const char *name) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  const CertSpec spec = {.common_name = name, .ca_path_len = -1};
  g_autoptr(X509) cert = build(&spec, key, NULL, key);
  g_autoptr(GBytes) der = cert_to_der(cert);
  g_autoptr(X509) same = cert_from_der(g_bytes_get_data(der, NULL), g_bytes_get_size(der), NULL);
  X509_NAME_ENTRY *entry = X509_NAME_get_entry(X509_get_subject_name(same), 0);
  const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
  g_assert_cmpint(ASN1_STRING_type(value), ==, V_ASN1_UTF8STRING);
  g_assert_cmpmem(ASN1_STRING_get0_data(value), (gsize)ASN1_STRING_length(value), name, strlen(name));
}

static void test_common_names(void) {
  g_autofree char *long_name = g_strnfill(200, 'n');
  assert_common_name("");
  assert_common_name(long_name);
  assert_common_name("grüße");
}

static void test_times(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  const CertSpec spec = {.common_name = "x", .ca_path_len = -1, .not_before = 2524607999, .not_after = 2524608000};
  g_autoptr(X509) cert = build(&spec, key, NULL, key);
  const ASN1_TIME *first = X509_get0_notBefore(cert), *last = X509_get0_notAfter(cert);
  g_assert_cmpint(ASN1_STRING_type(first), ==, V_ASN1_UTCTIME);
  g_assert_cmpint(ASN1_STRING_type(last), ==, V_ASN1_GENERALIZEDTIME);
  g_assert_cmpmem(ASN1_STRING_get0_data(last), 15, "20500101000000Z", 15);
}

static void assert_refused(const CertSpec *spec) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_assert_null(cert_build(spec, key, NULL, key, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_refuses(void) {
  g_autofree char *endless = g_strnfill(CERT_MAX_NAME + 1, 'n');
  const char *many[CERT_MAX_ALT_NAMES + 2] = {0};
  for (gsize i = 0; i <= CERT_MAX_ALT_NAMES; i++)
    many[i] = "a";
  assert_refused(&(CertSpec){.common_name = "x", .alt_names = (const char *const[]){"gr\xc3\xbc\xc3\x9f" "e", NULL}});
  assert_refused(&(CertSpec){.common_name = "x", .alt_names = (const char *const[]){endless, NULL}});
  assert_refused(&(CertSpec){.common_name = "x", .alt_names = many});
  assert_refused(&(CertSpec){.common_name = endless});
  assert_refused(&(CertSpec){.common_name = "\xff"});
  assert_refused(&(CertSpec){.common_name = "x", .organization = "\xff"});
  assert_refused(&(CertSpec){.common_name = "x", .not_before = 5, .not_after = 5});
  assert_refused(&(CertSpec){.common_name = "x", .not_before = 5, .not_after = 4});
  assert_refused(&(CertSpec){.common_name = "x", .not_after = G_MAXINT64});
  assert_refused(&(CertSpec){.common_name = "x", .not_after = 253402300800});
  assert_refused(&(CertSpec){.common_name = "x", .not_before = G_MININT64});
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(EVP_PKEY) other = p256_generate();
  g_autoptr(X509) issuer = build(&root_spec, key, NULL, key);
  g_assert_null(cert_build(&leaf_spec, other, issuer, other, &error)); /* an issuer's certificate with another's key */
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_null(cert_build(&leaf_spec, other, NULL, key, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/crypto/x509/app-ca", test_app_ca);
  g_test_add_func("/crypto/x509/fixture-identifiers", test_fixture_identifiers);
  g_test_add_func("/crypto/x509/plain-leaf", test_plain_leaf_has_no_extensions);
  g_test_add_func("/crypto/x509/leaf-extensions", test_leaf_extensions);
  g_test_add_func("/crypto/x509/common-names", test_common_names);
  g_test_add_func("/crypto/x509/times", test_times);
  g_test_add_func("/crypto/x509/refuses", test_refuses);
  return g_test_run();
}
