/* Tests of lib/appkeys: keys from a seed, and certificates of the app's own authority (spec: guest-os 7.5,
 * prpc-and-agent-api 5.1). */
#include "appkeys/appkeys.h"
#include "base/error.h"
#include "simulated_tee.h"
#include "unit/crypto/vectors.h"

#include <openssl/x509v3.h>
#include <string.h>

typedef struct {
  SimulatedTee *tee;
  RatlsVerifier *verifier;
  AppKeys *keys;
} Fixture;

static Secret *counting_seed(void) {
  Secret *seed = secret_new_zero(32);
  for (guint8 i = 0; i < 32; i++)
    secret_data(seed)[i] = i;
  return seed;
}

static void set_up(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) seed = counting_seed();
  fixture->tee = simulated_tee_new(1);
  simulated_tee_boot(fixture->tee);
  fixture->verifier = simulated_tee_verifier(fixture->tee);
  fixture->keys = app_keys_from_seed(seed, KEY_PROVIDER_NONE, fixture->tee->platform, &error);
  g_assert_no_error(error);
}

static void tear_down(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  app_keys_free(fixture->keys);
  ratls_verifier_unref(fixture->verifier);
  simulated_tee_free(fixture->tee);
}

static X509 *parse(const char *pem) {
  X509 *cert = cert_from_pem(pem, strlen(pem), NULL);
  g_assert_nonnull(cert);
  return cert;
}

static void assert_name(X509 *cert, const char *expected) {
  g_autofree char *name = g_malloc(512);
  g_assert_cmpstr(X509_NAME_oneline(X509_get_subject_name(cert), name, 512), ==, expected);
}

static gboolean attested(Fixture *fixture, X509 *cert) {
  g_autoptr(GError) error = NULL;
  g_autoptr(VerifiedEvidence) evidence = NULL;
  ratls_verify_certificate(fixture->verifier, cert, &evidence, &error);
  g_assert_no_error(error);
  return evidence != NULL;
}

static void test_keys(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  const AppKeys *keys = fixture->keys;
  assert_secret_hex(keys->disk_crypt_key, "16271dff935a2b916181f4c8a0a6666de98224ba51437c329171a11dd481a09a");
  assert_secret_hex(keys->k256_key, "091c9c36eb873f1aacde93e91631256e1610ce9940166b45f437d635d76ba95e");
  g_autoptr(EVP_PKEY) root = p256_from_pem(secret_peek(keys->ca_key_pem), secret_len(keys->ca_key_pem), NULL);
  g_autoptr(Secret) scalar = p256_scalar(root);
  assert_secret_hex(scalar, "0a6ae75425993b828ace490021809dcda469d5b531b018a27fdd28cd6d81115e");
  g_assert_null(keys->env_crypt_key);
  g_assert_cmpuint(g_bytes_get_size(keys->k256_signature), ==, 0);
  g_assert_cmpstr(keys->gateway_app_id, ==, "");
  g_autoptr(X509) cert = parse(keys->ca_cert);
  assert_name(cert, "/CN=App Root Cert");
  g_assert_cmpint(X509_get_pathlen(cert), ==, 1);
  g_assert_true(attested(fixture, cert));
}

static void test_odd_k256_key(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(Secret) seed = secret_new_zero(32);
  memset(secret_data(seed), 1, 32);
  g_autoptr(AppKeys) keys = app_keys_from_seed(seed, KEY_PROVIDER_LOCAL, fixture->tee->platform, NULL);
  assert_secret_hex(keys->k256_key, "9e99c182cd4a1b911ccacbbf8b78f1be3a2252013db334aca1423cfbbb99ed4f");
}

static void test_refuses(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) brief = secret_new_zero(31);
  g_autoptr(Secret) seed = counting_seed();
  g_assert_null(app_keys_from_seed(brief, KEY_PROVIDER_NONE, fixture->tee->platform, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_null(app_keys_from_seed(seed, KEY_PROVIDER_KMS, fixture->tee->platform, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static char **certify(Fixture *fixture, EVP_PKEY *key, const AppCertSpec *spec) {
  g_autoptr(GError) error = NULL;
  char **chain = app_keys_certify(fixture->keys, fixture->tee->platform, "{}", key, spec, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_strv_length(chain), ==, 2);
  g_assert_cmpstr(chain[1], ==, fixture->keys->ca_cert);
  return chain;
}

static void test_leaf(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(EVP_PKEY) key = p256_generate();
  const AppCertSpec spec = {
      .subject = "app", .alt_names = (const char *const[]){"a.example", NULL}, .server_auth = TRUE};
  g_auto(GStrv) chain = certify(fixture, key, &spec);
  g_autoptr(X509) leaf = parse(chain[0]);
  g_autoptr(X509) root = parse(chain[1]);
  g_autoptr(GPtrArray) certs = g_ptr_array_new();
  g_ptr_array_add(certs, leaf);
  g_assert_true(certs_verify_chain(certs, root, g_get_real_time() / G_USEC_PER_SEC, NULL));
  assert_name(leaf, "/CN=app");
  g_assert_cmpint(X509_check_host(leaf, "a.example", 0, 0, NULL), ==, 1);
  g_autoptr(GBytes) spki = cert_spki(leaf), expected = p256_spki(key);
  g_assert_true(g_bytes_equal(spki, expected));
  g_autofree char *usage = NULL;
  g_assert_true(ratls_cert_usage(leaf, &usage, NULL));
  g_assert_cmpstr(usage, ==, "app:custom");
  g_assert_false(ratls_cert_carries_evidence(leaf));
}

static void test_attested_leaf(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_auto(GStrv) chain = certify(fixture, key, &(AppCertSpec){.subject = "", .ra_tls = TRUE, .client_auth = TRUE});
  g_autoptr(X509) leaf = parse(chain[0]);
  assert_name(leaf, "/CN=");
  g_assert_true(attested(fixture, leaf));
}

static void test_bad_names(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  const AppCertSpec spec = {.subject = "x", .alt_names = (const char *const[]){"\xc3\xbc", NULL}};
  g_assert_null(app_keys_certify(fixture->keys, fixture->tee->platform, "{}", key, &spec, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(g_str_has_prefix(error->message, "failed to get a certificate: "));
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/appkeys/seed/keys", test_keys);
  ADD("/appkeys/seed/odd-k256-key", test_odd_k256_key);
  ADD("/appkeys/seed/refuses", test_refuses);
  ADD("/appkeys/local-ca/leaf", test_leaf);
  ADD("/appkeys/local-ca/attested-leaf", test_attested_leaf);
  ADD("/appkeys/local-ca/bad-names", test_bad_names);
  return g_test_run();
}
