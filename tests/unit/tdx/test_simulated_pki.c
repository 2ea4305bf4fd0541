/* The simulated PKI: the same bytes from the same seed, and signatures that others accept. */
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "fixture.h"
#include "tdx/simulated.h"
#include "tdx/simulated/ecdsa.h"
#include "tdx/simulated/pki.h"

#include <openssl/x509v3.h>
#include <string.h>

#define NOW G_GINT64_CONSTANT(1795600000)

static SimulatedPki *pki_of(guint8 seed_byte) {
  g_autoptr(Secret) seed = secret_new_zero(32);
  memset(secret_data(seed), seed_byte, 32);
  g_autoptr(GError) error = NULL;
  SimulatedPki *pki = simulated_pki_new(seed, &error);
  g_assert_no_error(error);
  return pki;
}

static void test_rfc6979(void) {
  g_autoptr(GBytes) bytes = bytes_of_hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
  g_autoptr(Secret) scalar = secret_new(g_bytes_get_data(bytes, NULL), 32);
  g_autoptr(EVP_PKEY) key = p256_from_scalar(scalar, NULL);
  guint8 signature[64];
  simulated_sign_raw(key, "sample", 6, signature);
  assert_hex(signature, 64,
             "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
             "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  simulated_sign_raw(key, "test", 4, signature);
  assert_hex(signature, 64,
             "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
             "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
  g_autoptr(GBytes) der = simulated_sign(key, "test", 4);
  g_assert_true(p256_verify(key, "test", 4, g_bytes_get_data(der, NULL), g_bytes_get_size(der)));
}

static void test_deterministic(void) {
  g_autoptr(SimulatedPki) one = pki_of(1), same = pki_of(1), other = pki_of(2);
  g_autofree char *root = simulated_pki_root_pem(one), *root_again = simulated_pki_root_pem(same);
  g_autofree char *root_other = simulated_pki_root_pem(other);
  g_assert_cmpstr(root, ==, root_again);
  g_assert_cmpstr(root, !=, root_other);
  g_autofree char *collateral = simulated_pki_collateral(one, NOW, NULL);
  g_autofree char *again = simulated_pki_collateral(same, NOW + 1, NULL);
  g_assert_cmpstr(collateral, ==, again);
  TdReport report;
  simulated_report_init(&report);
  g_autoptr(GBytes) quote = simulated_quote(one, &report, NULL), quote_again = simulated_quote(same, &report, NULL);
  g_assert_true(g_bytes_equal(quote, quote_again));
}

static void test_refused(void) {
  g_autoptr(Secret) seed = secret_new_zero(31);
  g_autoptr(GError) error = NULL;
  g_assert_null(simulated_pki_new(seed, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_autoptr(SimulatedPki) pki = pki_of(3);
  g_assert_null(simulated_pki_collateral(pki, 0, NULL));
  g_assert_null(simulated_pki_collateral(pki, SIMULATED_VALID_UNTIL, NULL));
}

static GPtrArray *chain_of(const char *pem) {
  g_autoptr(GError) error = NULL;
  GPtrArray *chain = certs_from_pem(pem, strlen(pem), &error);
  g_assert_no_error(error);
  return chain;
}

static void check_chain(const char *pem, const char *root_pem) {
  g_autoptr(GPtrArray) chain = chain_of(pem);
  g_autoptr(X509) root = cert_from_pem(root_pem, strlen(root_pem), NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(certs_verify_chain(chain, root, NOW, &error));
  g_assert_no_error(error);
  for (guint i = 0; i < chain->len; i++)
    g_assert_cmpint(X509_get_extension_flags(g_ptr_array_index(chain, i)) & (EXFLAG_INVALID | EXFLAG_CRITICAL), ==, 0);
}

static void check_crl(const char *hex, const SimulatedName *issuer) {
  g_autoptr(GBytes) der = bytes_of_hex(hex);
  const guint8 *at = g_bytes_get_data(der, NULL), *end = at + g_bytes_get_size(der);
  X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)g_bytes_get_size(der));
  g_assert_nonnull(crl);
  g_assert_true(at == end);
  g_assert_cmpint(X509_CRL_verify(crl, issuer->key), ==, 1);
  g_assert_cmpint(X509_CRL_get_version(crl), ==, X509_CRL_VERSION_2);
  X509_CRL_free(crl);
}

static void check_signed(const json_t *collateral, const char *key, SimulatedPki *pki) {
  g_autofree char *signature_key = g_strdup_printf("%s_signature", key);
  const char *text = json_string_value(json_object_get(collateral, key));
  g_autoptr(GBytes) signature = bytes_of_hex(json_string_value(json_object_get(collateral, signature_key)));
  guint8 point[65];
  p256_point(pki->tcb_signing.key, point);
  g_assert_true(p256_verify_raw(point + 1, text, strlen(text), g_bytes_get_data(signature, NULL)));
  g_autoptr(json_t) parsed = json_parse(text, strlen(text), key, NULL);
  g_assert_nonnull(parsed);
}

static void test_collateral(void) {
  g_autoptr(SimulatedPki) pki = pki_of(4);
  g_autofree char *text = simulated_pki_collateral(pki, NOW, NULL), *root = simulated_pki_root_pem(pki);
  g_autoptr(json_t) collateral = json_parse(text, strlen(text), "collateral", NULL);
  check_chain(json_string_value(json_object_get(collateral, "pck_crl_issuer_chain")), root);
  check_chain(json_string_value(json_object_get(collateral, "tcb_info_issuer_chain")), root);
  check_chain(json_string_value(json_object_get(collateral, "qe_identity_issuer_chain")), root);
  check_crl(json_string_value(json_object_get(collateral, "root_ca_crl")), &pki->root);
  check_crl(json_string_value(json_object_get(collateral, "pck_crl")), &pki->platform_ca);
  check_signed(collateral, "tcb_info", pki);
  check_signed(collateral, "qe_identity", pki);
}

static void test_quote(void) {
  g_autoptr(SimulatedPki) pki = pki_of(5);
  TdReport report;
  simulated_report_init(&report);
  report.report_data[0] = 7;
  g_autoptr(GBytes) raw = simulated_quote(pki, &report, NULL);
  g_assert_cmpuint(g_bytes_get_size(raw), <, 8192); /* the kernel's limit for outblob */
  g_autoptr(GError) error = NULL;
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(&quote->td, sizeof report, &report, sizeof report);
  g_assert_true(p256_verify_raw(quote->attestation_key, quote->signed_data, quote->signed_len, quote->signature));
  guint8 point[65], digest[32];
  p256_point(pki->pck.key, point);
  g_assert_true(p256_verify_raw(point + 1, quote->qe_report, 384, quote->qe_report_signature));
  g_autoptr(GByteArray) bound = g_byte_array_new();
  g_byte_array_append(bound, quote->attestation_key, 64);
  g_byte_array_append(bound, quote->qe_auth_data, (guint)quote->qe_auth_len);
  digest_sha256(bound->data, bound->len, digest);
  SgxReport qe;
  sgx_report_parse(quote->qe_report, &qe);
  g_assert_cmpmem(qe.report_data, 32, digest, 32);
  g_autofree char *root = simulated_pki_root_pem(pki);
  check_chain((const char *)quote->cert_data, root);
}

/* Intel's own extension, taken from a real PCK certificate, is what ours is made like. */
static void test_pck_extension(void) {
  SimulatedPlatformInfo info = {.cpu_svn = {3, 3, 2, 2, 4, 1, 0, 5}, .pce_svn = 11, .fmspc = {0xb0, 0xc0, 0x6f}};
  memset(info.ppid, 0x81, sizeof info.ppid);
  memset(info.instance_id, 0x07, sizeof info.instance_id);
  g_autoptr(GBytes) der = simulated_pck_extension(&info);
  assert_hex(g_bytes_get_data(der, NULL), g_bytes_get_size(der),
             "30820226301e060a2a864886f84d010d01010410818181818181818181818181818181813082016306"
             "0a2a864886f84d010d0102308201533010060b2a864886f84d010d0102010201033010060b2a864886f84d010d0102020201033010060b2a"
             "864886f84d010d0102030201023010060b2a864886f84d010d0102040201023010060b2a864886f84d010d0102050201043010060b2a8648"
             "86f84d010d0102060201013010060b2a864886f84d010d0102070201003010060b2a864886f84d010d0102080201053010060b2a864886f8"
             "4d010d0102090201003010060b2a864886f84d010d01020a0201003010060b2a864886f84d010d01020b0201003010060b2a864886f84d01"
             "0d01020c0201003010060b2a864886f84d010d01020d0201003010060b2a864886f84d010d01020e0201003010060b2a864886f84d010d01"
             "020f0201003010060b2a864886f84d010d0102100201003010060b2a864886f84d010d01021102010b301f060b2a864886f84d010d010212"
             "0410030302020401000500000000000000003010060a2a864886f84d010d0103040200003014060a2a864886f84d010d01040406b0c06f00"
             "0000300f060a2a864886f84d010d01050a0101301e060a2a864886f84d010d01060410070707070707070707070707070707073044060a2a"
             "864886f84d010d010730363010060b2a864886f84d010d0107010101ff3010060b2a864886f84d010d0107020101ff3010060b2a864886f8"
             "4d010d0107030101ff");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/simulated/rfc6979", test_rfc6979);
  g_test_add_func("/tdx/simulated/deterministic", test_deterministic);
  g_test_add_func("/tdx/simulated/refused", test_refused);
  g_test_add_func("/tdx/simulated/collateral", test_collateral);
  g_test_add_func("/tdx/simulated/quote", test_quote);
  g_test_add_func("/tdx/simulated/pck-extension", test_pck_extension);
  return g_test_run();
}
