/* Tests of lib/ratls: versioned attestations and app info in certificates, on a simulated TEE (spec: attestation D). */
#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "simulated_tee.h"

#include <string.h>

typedef struct {
  SimulatedTee *tee;
  RatlsVerifier *verifier;
  EVP_PKEY *key;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  fixture->tee = simulated_tee_new(1);
  simulated_tee_boot(fixture->tee);
  fixture->verifier = simulated_tee_verifier(fixture->tee);
  fixture->key = p256_generate();
}

static void tear_down(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  ratls_verifier_unref(fixture->verifier);
  EVP_PKEY_free(fixture->key);
  simulated_tee_free(fixture->tee);
}

static X509 *certificate_with(EVP_PKEY *key, const CertExtension *extensions, gsize n_extensions) {
  const CertSpec spec = {.common_name = "x", .ca_path_len = -1, .extensions = extensions, .n_extensions = n_extensions};
  return cert_build(&spec, key, NULL, key, NULL);
}

/* Quote and event log in extensions of their own. */
static X509 *separate_certificate(Fixture *fixture) {
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_assert_true(ratls_take_evidence(fixture->tee->platform, fixture->key, &quote, &event_log, NULL));
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, event_log}};
  return certificate_with(fixture->key, extensions, 2);
}

static void assert_refused(Fixture *fixture, X509 *cert, int code, const char *text) {
  g_autoptr(GError) error = NULL;
  VerifiedEvidence *evidence = NULL;
  g_assert_false(ratls_verify_certificate(fixture->verifier, cert, &evidence, &error));
  g_assert_null(evidence);
  g_assert_error(error, DSTACK_ERROR, code);
  if (text && !strstr(error->message, text))
    g_error("\"%s\" does not say \"%s\"", error->message, text);
}

static X509 *certificate_with_attestation(EVP_PKEY *key, const RatlsAttestation *attestation) {
  g_autoptr(GBytes) encoded = ratls_attestation_encode(attestation);
  return certificate_with(key, &(CertExtension){RATLS_OID_ATTESTATION, encoded}, 1);
}

static RatlsAttestation *take_attestation(Fixture *fixture) {
  g_autoptr(GError) error = NULL;
  RatlsAttestation *attestation = ratls_take_attestation(fixture->tee->platform, fixture->key, "{\"a\":1}", &error);
  g_assert_no_error(error);
  return attestation;
}

static VerifiedEvidence *verify(RatlsVerifier *verifier, X509 *cert) {
  g_autoptr(GError) error = NULL;
  VerifiedEvidence *evidence = NULL;
  ratls_verify_certificate(verifier, cert, &evidence, &error);
  g_assert_no_error(error);
  g_assert_nonnull(evidence);
  return evidence;
}

/* Full or stripped, it proves the same identities as the separate form; only the boot log is not replayed when it is
 * gone. */
static void test_versioned(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(X509) separate = separate_certificate(fixture);
  g_autoptr(VerifiedEvidence) expected = verify(fixture->verifier, separate);
  g_assert_true(expected->boot_log_replayed);
  g_assert_null(expected->config);
  g_autoptr(RatlsAttestation) attestation = take_attestation(fixture);
  for (guint stripped = 0; stripped < 2; stripped++) {
    if (stripped)
      ratls_attestation_strip(attestation);
    g_autoptr(X509) cert = certificate_with_attestation(fixture->key, attestation);
    g_autoptr(VerifiedEvidence) evidence = verify(fixture->verifier, cert);
    g_assert_cmpint(evidence->boot_log_replayed, ==, !stripped);
    g_assert_cmpstr(evidence->config, ==, "{\"a\":1}");
    g_assert_cmpmem(evidence->app_info->mr_system, 32, expected->app_info->mr_system, 32);
    g_assert_cmpmem(evidence->app_info->mr_aggregated, 32, expected->app_info->mr_aggregated, 32);
    g_assert_cmpmem(evidence->boot_info->mr_aggregated, 32, expected->boot_info->mr_aggregated, 32);
    if (!stripped)
      g_assert_cmpstr(evidence->log_json, ==, expected->log_json);
  }
}

static void test_versioned_refused(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(RatlsAttestation) attestation = take_attestation(fixture);
  g_autoptr(EVP_PKEY) thief = p256_generate();
  g_autoptr(X509) stolen = certificate_with_attestation(thief, attestation);
  assert_refused(fixture, stolen, DSTACK_ERROR_UNVERIFIED, "report data mismatch");
  attestation->report_data[0] ^= 1;
  g_autoptr(X509) other_data = certificate_with_attestation(fixture->key, attestation);
  assert_refused(fixture, other_data, DSTACK_ERROR_UNVERIFIED, "report data mismatch");
  attestation->report_data[0] ^= 1;
  ratls_attestation_strip(attestation);
  g_ptr_array_set_size(attestation->runtime_events, 0);
  g_ptr_array_remove_index(attestation->events, attestation->events->len - 1);
  g_autoptr(X509) shorter = certificate_with_attestation(fixture->key, attestation);
  assert_refused(fixture, shorter, DSTACK_ERROR_UNVERIFIED, "rtmr mismatch: RTMR3");
  attestation->variant = ATTESTATION_AWS_NITRO_TPM;
  g_autoptr(X509) other_tee = certificate_with_attestation(fixture->key, attestation);
  assert_refused(fixture, other_tee, DSTACK_ERROR_NOT_IMPLEMENTED, "unsupported tee variant: dstack-aws-nitro-tpm");
}

/* A certificate for readers of both forms; what is malformed in either is refused. */
static void test_both_forms(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_assert_true(ratls_take_evidence(fixture->tee->platform, fixture->key, &quote, &event_log, NULL));
  g_autoptr(RatlsAttestation) attestation = take_attestation(fixture);
  g_autoptr(GBytes) encoded = ratls_attestation_encode(attestation);
  const CertExtension extensions[] = {
      {RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, event_log}, {RATLS_OID_ATTESTATION, encoded}};
  g_autoptr(X509) both = certificate_with(fixture->key, extensions, 3);
  g_autoptr(VerifiedEvidence) evidence = verify(fixture->verifier, both);
  g_assert_nonnull(evidence->config);
  const CertExtension quote_only[] = {{RATLS_OID_QUOTE, quote}, {RATLS_OID_ATTESTATION, encoded}};
  g_autoptr(X509) half = certificate_with(fixture->key, quote_only, 2);
  assert_refused(fixture, half, DSTACK_ERROR_INVALID, "quote without event log");
  const CertExtension twice[] = {{RATLS_OID_ATTESTATION, encoded}, {RATLS_OID_ATTESTATION, encoded}};
  g_autoptr(X509) doubled = certificate_with(fixture->key, twice, 2);
  assert_refused(fixture, doubled, DSTACK_ERROR_INVALID, NULL);
}

static void test_device_id(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  const RatlsVerifierOptions options = {.root_ca_path = fixture->tee->root_path,
                                        .allow_external_root = TRUE,
                                        .collateral_path = fixture->tee->collateral_path,
                                        .device_id_of_ppid = TRUE};
  g_autoptr(RatlsVerifier) newer = ratls_verifier_new(&options, NULL);
  g_autoptr(X509) cert = separate_certificate(fixture);
  g_autoptr(VerifiedEvidence) by_user_data = verify(fixture->verifier, cert), by_ppid = verify(newer, cert);
  guint8 expected[32];
  digest_sha256(by_user_data->quote->user_data, 20, expected);
  g_assert_cmpmem(by_user_data->app_info->device_id, 32, expected, 32);
  digest_sha256(by_ppid->ppid, sizeof by_ppid->ppid, expected);
  g_assert_cmpmem(by_ppid->app_info->device_id, 32, expected, 32);
  g_assert_cmpmem(by_ppid->boot_info->device_id, 32, expected, 32);
}

static void test_app_info_extension(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(X509) plain = separate_certificate(fixture);
  g_autoptr(VerifiedEvidence) evidence = verify(fixture->verifier, plain);
  g_autoptr(AppInfo) none = NULL;
  g_assert_true(ratls_cert_app_info(plain, &none, &error));
  g_assert_null(none);
  g_autoptr(GBytes) image = g_bytes_new_static("12345678901234567890123456789012", 32);
  g_autoptr(GBytes) encoded = ratls_app_info_encode(evidence->app_info, image);
  g_autoptr(X509) cert = certificate_with(fixture->key, &(CertExtension){RATLS_OID_APP_INFO, encoded}, 1);
  g_autoptr(AppInfo) info = NULL;
  g_assert_true(ratls_cert_app_info(cert, &info, &error));
  g_assert_cmpmem(info->mr_aggregated, 32, evidence->app_info->mr_aggregated, 32);
  g_assert_true(g_bytes_equal(info->os_image_hash, image));
  g_autoptr(GBytes) again = ratls_app_info_encode(info, NULL);
  g_assert_true(g_bytes_equal(again, encoded));
  /* an array of nine, the first field 20 bytes of bin, the last an empty list; cut anywhere it is none */
  const guint8 *data = g_bytes_get_data(encoded, NULL);
  g_assert_cmpmem(data, 4, "\x99\xc4\x14\x11", 4);
  for (gsize cut = 0; cut < g_bytes_get_size(encoded); cut++) {
    g_autoptr(GBytes) part = g_bytes_new(data, cut);
    g_assert_null(ratls_app_info_decode(part, NULL));
  }
}

/* Vectors: the identifiers' encoding, and a whole extension. */
static void test_encoding(void) {
  const struct {
    const char *oid, *der;
  } known[] = {{RATLS_OID_QUOTE, "060a2b0601040183e73d0101"},       {RATLS_OID_EVENT_LOG, "060a2b0601040183e73d0102"},
               {RATLS_OID_APP_ID, "060a2b0601040183e73d0103"},      {RATLS_OID_USAGE, "060a2b0601040183e73d0104"},
               {RATLS_OID_ATTESTATION, "060a2b0601040183e73d0108"}, {RATLS_OID_APP_INFO, "060a2b0601040183e73d0109"}};
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    ASN1_OBJECT *object = OBJ_txt2obj(known[i].oid, 1);
    unsigned char der[32], *end = der;
    const int len = i2d_ASN1_OBJECT(object, &end);
    g_autofree char *hex = hex_encode(der, (gsize)len);
    g_assert_cmpstr(hex, ==, known[i].der);
    ASN1_OBJECT_free(object);
  }
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) usage = g_bytes_new_static("kms:rpc", 7);
  g_autoptr(X509) cert = certificate_with(key, &(CertExtension){RATLS_OID_USAGE, usage}, 1);
  X509_EXTENSION *extension = X509_get_ext(cert, X509_get_ext_count(cert) - 1);
  unsigned char der[64], *end = der;
  const int len = i2d_X509_EXTENSION(extension, &end);
  g_autofree char *hex = hex_encode(der, (gsize)len);
  g_assert_cmpstr(hex, ==, "3017060a2b0601040183e73d0104040904076b6d733a727063");
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/ratls/versioned/good", test_versioned);
  ADD("/ratls/versioned/refused", test_versioned_refused);
  ADD("/ratls/versioned/both-forms", test_both_forms);
  ADD("/ratls/versioned/device-id", test_device_id);
  ADD("/ratls/versioned/app-info", test_app_info_extension);
  g_test_add_func("/ratls/extension/encoding", test_encoding);
  return g_test_run();
}
