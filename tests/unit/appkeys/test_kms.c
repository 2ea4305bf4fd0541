/* Tests of lib/appkeys: keys and certificates from a KMS (spec: guest-os 7.1, kms 9). */
#include "appkeys/appkeys.h"
#include "base/error.h"
#include "fake_kms.h"

#include <string.h>

#define VM_CONFIG "{\"vm\":1}"

typedef struct {
  SimulatedTee *tee, *kms_tee;
  RatlsVerifier *verifier;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  fixture->tee = simulated_tee_new(1);
  fixture->kms_tee = simulated_tee_new(1);
  simulated_tee_boot(fixture->tee);
  simulated_tee_boot(fixture->kms_tee);
  fixture->verifier = simulated_tee_verifier(fixture->tee);
}

static void tear_down(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  ratls_verifier_unref(fixture->verifier);
  simulated_tee_free(fixture->tee);
  simulated_tee_free(fixture->kms_tee);
}

static AppKeys *get_keys(Fixture *fixture, FakeKms *kms, RatlsVerifier *verifier, GError **error) {
  return app_keys_from_kms(fake_kms_url(kms), fixture->tee->platform, VM_CONFIG, verifier, error);
}

static void test_keys(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms = fake_kms_new(fixture->verifier, &(FakeKmsOptions){.usage = "kms:rpc"});
  g_autofree char *with_slashes = g_strconcat(fake_kms_url(kms), "//", NULL);
  g_autoptr(AppKeys) keys =
      app_keys_from_kms(with_slashes, fixture->tee->platform, VM_CONFIG, fixture->verifier, &error);
  g_assert_no_error(error);
  g_assert_cmpint(keys->kind, ==, KEY_PROVIDER_KMS);
  g_autofree char *expected_url = g_strconcat(fake_kms_url(kms), "/prpc", NULL);
  g_assert_cmpstr(keys->kms_url, ==, expected_url);
  g_autoptr(GBytes) root = fake_kms_root_spki(kms), id = app_keys_provider_id(keys);
  g_assert_true(g_bytes_equal(id, root));
  g_assert_cmpuint(secret_len(keys->disk_crypt_key), ==, 32);
  g_assert_cmpuint(secret_len(keys->env_crypt_key), ==, 32);
  g_assert_cmpuint(g_bytes_get_size(keys->k256_signature), ==, 65);
  g_assert_cmpuint(g_bytes_get_size(keys->os_image_hash), ==, 32);
  g_assert_cmpstr(keys->gateway_app_id, ==, "1111");
  g_assert_null(keys->kms_mr);
  g_autofree char *path = g_build_filename(fixture->tee->directory, "keys.json", NULL);
  g_assert_true(app_keys_save(keys, path, &error));
  g_autoptr(AppKeys) loaded = app_keys_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(loaded->tmp_ca_cert, ==, keys->tmp_ca_cert);
  g_assert_true(secret_equal(loaded->tmp_ca_key_pem, keys->tmp_ca_key_pem));
}

static void test_attested_kms(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms =
      fake_kms_new(fixture->verifier, &(FakeKmsOptions){.usage = "kms:rpc", .evidence_of = fixture->kms_tee});
  g_autoptr(AppKeys) keys = get_keys(fixture, kms, fixture->verifier, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(keys->kms_mr), ==, 32);
}

/* No request for keys may reach a server that does not pass; `text` is why. */
static void assert_server_refused(Fixture *fixture, RatlsVerifier *verifier, const FakeKmsOptions *options,
                                  const char *text) {
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms = fake_kms_new(fixture->verifier, options);
  g_assert_null(get_keys(fixture, kms, verifier, &error));
  g_assert_nonnull(error);
  if (!strstr(error->message, text))
    g_error("\"%s\" does not say \"%s\"", error->message, text);
  g_assert_cmpuint(fake_kms_calls(kms), ==, 0);
}

static void test_wrong_servers(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  RatlsVerifier *verifier = fixture->verifier;
  assert_server_refused(fixture, verifier, &(FakeKmsOptions){0}, "missing server cert usage");
  assert_server_refused(fixture, verifier, &(FakeKmsOptions){.usage = "app:custom"}, "invalid server cert usage");
  assert_server_refused(fixture, verifier, &(FakeKmsOptions){.usage = "kms:rpc", .host = "10.9.9.9"}, "");
  const FakeKmsOptions stolen = {.usage = "kms:rpc", .evidence_of = fixture->kms_tee, .stolen_evidence = TRUE};
  assert_server_refused(fixture, verifier, &stolen, "report data mismatch");
  const FakeKmsOptions attested = {.usage = "kms:rpc", .evidence_of = fixture->kms_tee};
  assert_server_refused(fixture, NULL, &attested, "nothing is set up to verify it");
  g_autoptr(SimulatedTee) stranger = simulated_tee_new(9);
  simulated_tee_boot(stranger);
  const FakeKmsOptions elsewhere = {.usage = "kms:rpc", .evidence_of = stranger};
  assert_server_refused(fixture, verifier, &elsewhere, "the kms's quote: ");
}

static void assert_answer_refused(Fixture *fixture, const FakeKmsOptions *options, int code, const char *text) {
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms = fake_kms_new(fixture->verifier, options);
  g_assert_null(get_keys(fixture, kms, fixture->verifier, &error));
  g_assert_error(error, DSTACK_ERROR, code);
  if (!strstr(error->message, text))
    g_error("\"%s\" does not say \"%s\"", error->message, text);
}

static void test_wrong_answers(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  assert_answer_refused(fixture, &(FakeKmsOptions){.usage = "kms:rpc", .other_ca_in_answer = TRUE},
                        DSTACK_ERROR_UNVERIFIED, "two different ca certificates");
  assert_answer_refused(fixture, &(FakeKmsOptions){.usage = "kms:rpc", .short_disk_key = TRUE}, DSTACK_ERROR_INVALID,
                        "disk_crypt_key is not 32 bytes");
  assert_answer_refused(fixture, &(FakeKmsOptions){.usage = "kms:rpc", .refuses = TRUE}, DSTACK_ERROR_DENIED,
                        "app not allowed: by the test");
}

static void test_no_kms(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_assert_null(app_keys_from_kms("https://127.0.0.1:1", fixture->tee->platform, VM_CONFIG, fixture->verifier, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  g_assert_true(g_str_has_prefix(error->message, "failed to get app keys from https://127.0.0.1:1: "));
}

static char **certify(Fixture *fixture, const AppKeys *keys, EVP_PKEY *key, GError **error) {
  const AppCertSpec spec = {.subject = "app.example",
                            .alt_names = (const char *const[]){"app.example", NULL},
                            .server_auth = TRUE,
                            .ra_tls = TRUE};
  return app_keys_certify(keys, fixture->tee->platform, VM_CONFIG, key, &spec, error);
}

static void test_certify(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms = fake_kms_new(fixture->verifier, &(FakeKmsOptions){.usage = "kms:rpc"});
  g_autoptr(AppKeys) keys = get_keys(fixture, kms, fixture->verifier, &error);
  g_assert_no_error(error);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_auto(GStrv) chain = certify(fixture, keys, key, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_strv_length(chain), ==, 3);
  g_autoptr(X509) leaf = cert_from_pem(chain[0], strlen(chain[0]), NULL);
  g_autoptr(GBytes) spki = cert_spki(leaf), expected = p256_spki(key);
  g_assert_true(g_bytes_equal(spki, expected));
  /* Later requests show the same client certificate: one quote less for each. */
  g_auto(GStrv) again = certify(fixture, keys, key, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(fake_kms_calls(kms), ==, 3);
  g_assert_cmpuint(fake_kms_clients(kms), ==, 2);
}

static void assert_certificate_refused(Fixture *fixture, const FakeKmsOptions *options, const char *text) {
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms = fake_kms_new(fixture->verifier, options);
  g_autoptr(AppKeys) keys = get_keys(fixture, kms, fixture->verifier, &error);
  g_assert_no_error(error);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_assert_null(certify(fixture, keys, key, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_assert_nonnull(strstr(error->message, text));
}

static void test_wrong_certificates(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  assert_certificate_refused(fixture, &(FakeKmsOptions){.usage = "kms:rpc", .certifies_other_key = TRUE},
                             "another key");
  assert_certificate_refused(fixture, &(FakeKmsOptions){.usage = "kms:rpc", .foreign_chain = TRUE},
                             "certificate chain");
}

/* An app's certificate under the same root is no KMS, whatever its names. */
static void test_certify_checks_usage(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(FakeKms) kms = fake_kms_new(fixture->verifier, &(FakeKmsOptions){.usage = "kms:rpc"});
  g_autoptr(AppKeys) keys = get_keys(fixture, kms, fixture->verifier, &error);
  g_autoptr(FakeKms) impostor = fake_kms_new(fixture->verifier, &(FakeKmsOptions){.usage = "app:custom"});
  g_free(keys->kms_url);
  keys->kms_url = g_strconcat(fake_kms_url(impostor), "/prpc", NULL);
  g_free(keys->ca_cert);
  keys->ca_cert = fake_kms_root_pem(impostor);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_assert_null(certify(fixture, keys, key, &error));
  g_assert_nonnull(strstr(error->message, "invalid server cert usage"));
  g_assert_cmpuint(fake_kms_calls(impostor), ==, 0);
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/appkeys/kms/keys", test_keys);
  ADD("/appkeys/kms/attested", test_attested_kms);
  ADD("/appkeys/kms/wrong-servers", test_wrong_servers);
  ADD("/appkeys/kms/wrong-answers", test_wrong_answers);
  ADD("/appkeys/kms/no-kms", test_no_kms);
  ADD("/appkeys/kms/certify", test_certify);
  ADD("/appkeys/kms/wrong-certificates", test_wrong_certificates);
  ADD("/appkeys/kms/certify-checks-usage", test_certify_checks_usage);
  return g_test_run();
}
