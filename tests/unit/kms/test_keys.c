/* Derivations and issuing signatures of the key holder against the vectors of spec kms 4.5. */
#include "hex_util.h"

#include "kms/keyholder/certificates.h"
#include "kms/keyholder/keys.h"

#include "base/error.h"

#include <openssl/x509v3.h>
#include <string.h>

#define VECTOR1_ROOT "f57527cea4ab7ffb49af99b158cdc0e3ec06398f528349ea236b7d2afe19cec1"
#define VECTOR2_ROOT "d4f60214a61f0e651fbf97e4b2da696ac7f898f1aa9f3d1f1282c49c6c7c0a72"
#define ALL_5E "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"
#define INSTANCE_ID "59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a"

static RootKeys *keys_of(const char *root_ca, const char *k256) {
  RootKeys *keys = root_keys_generate();
  EVP_PKEY_free(keys->root_ca);
  secret_free(keys->k256);
  g_autoptr(Secret) scalar = secret_from_hex(root_ca);
  keys->root_ca = p256_from_scalar(scalar, NULL);
  keys->k256 = secret_from_hex(k256);
  g_assert_nonnull(keys->root_ca);
  return keys;
}

static void id_of(const char *hex, guint8 out[20]) { g_assert_true(hex_decode_fixed(hex, out, 20, NULL)); }

static void assert_secret(const Secret *secret, const char *hex) {
  assert_hex(secret_peek(secret), secret_len(secret), hex);
}

static void test_reference_fixture(void) {
  g_autoptr(RootKeys) keys = keys_of(VECTOR2_ROOT, ALL_5E);
  guint8 app_id[20], instance_id[20];
  id_of("ea549f02e1a25fabd1cb788380e033ec5461b2ff", app_id);
  id_of(INSTANCE_ID, instance_id);
  g_auto(AppSecrets) secrets = {0}, shared = {0};
  g_autoptr(GError) error = NULL;
  g_assert_true(app_secrets_derive(keys, app_id, instance_id, &secrets, &error));
  assert_secret(secrets.disk, "1122e1f340c19407adc5ec531ac98d72bcf702bf7858f6fa49b5be79b61e4d5b");
  assert_secret(secrets.env, "ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa");
  g_assert_true(app_secrets_derive(keys, app_id, NULL, &shared, &error));
  assert_secret(shared.disk, "11f1de97e3c4830a456c631e372088ab015be771d253b07bee189a3209dabf65");
}

/* The reference KMS's own root scalar is not known; its signature is checked by recovery with the app key it issued. */
static void test_reference_signature(void) {
  g_autoptr(GBytes) signature = hex_decode_prefixed("2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d24"
                                                    "05ace433624e5568e23c4ed291dbaf60dac79b756837c0fe7451"
                                                    "54ebfdc0a601",
                                                    NULL);
  g_autoptr(GBytes) message = hex_decode_prefixed("64737461636b2d6b6d732d6973737565643a"
                                                  "ea549f02e1a25fabd1cb788380e033ec5461b2ff"
                                                  "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810",
                                                  NULL);
  guint8 signer[K256_PUBLIC_SIZE];
  g_assert_true(k256_recover_message(g_bytes_get_data(message, NULL), g_bytes_get_size(message),
                                     g_bytes_get_data(signature, NULL), signer, NULL));
  assert_hex(signer, sizeof signer, "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b");
}

static void test_computed_vector(void) {
  g_autoptr(RootKeys) keys = keys_of(VECTOR1_ROOT, ALL_5E);
  guint8 app_id[20], instance_id[20];
  id_of("32467b43bfa67273fc7ddda0999ee9a12f2aaa08", app_id);
  id_of(INSTANCE_ID, instance_id);
  g_auto(AppSecrets) secrets = {0}, shared = {0};
  g_autoptr(GError) error = NULL;
  g_assert_true(app_secrets_derive(keys, app_id, instance_id, &secrets, &error));
  g_assert_true(app_secrets_derive(keys, app_id, NULL, &shared, &error));
  assert_secret(secrets.disk, "728911cc4cb0157c1f0cb997cf852e8a43be9e65251776aec86f693d806d2208");
  assert_secret(shared.disk, "25155a3dca865aa1802565d9ce6996157414d9f9dfa55eaef4582b4f7536e5cc");
  assert_secret(secrets.env, "269c9f918fcaa38117c05eeb4de53c515114b419e89b2e350cd3f69b751165d6");
  assert_secret(secrets.k256, "76b82988a91e19c10a033e0bfd67cd2dfc4cad0f923a4f19673a00b0ccf96159");
  assert_hex(secrets.k256_signature, sizeof secrets.k256_signature,
             "63ca7d04aba0f6e04c1275604e826af4b8768fbcd52e995ca6b4fdd1734ecfd11752df5c12bc7c97b1ee79899dc36ad9ed477feac"
             "49706f6921"
             "e410cdfc33bf700");
}

static void test_env_key(void) {
  g_autoptr(RootKeys) keys = keys_of(VECTOR1_ROOT, ALL_5E);
  guint8 app_id[20];
  id_of("32467b43bfa67273fc7ddda0999ee9a12f2aaa08", app_id);
  EnvKey key;
  g_assert_true(env_key_derive(keys, app_id, 1754000000, &key, NULL));
  assert_hex(key.public_key, 32, "ade6dc1cc31efc26ed78224bd5b25b283f2e1a61dac99190905a54e1b800cd1e");
  assert_hex(key.signature, sizeof key.signature,
             "b27d7a404a715717f1fe60d98143a1efcc2b99122bd5c4f9d3125205c9b234b8183aba554207f29ab2faed82b51eb662b07ef95ed"
             "399820b776"
             "47151cfccbcd901");
  assert_hex(key.signature_v1, sizeof key.signature_v1,
             "dc73368cda3610381277715b62fad158cac8ea835c3b300a58a5656a05e9de1b1630d524100aec786593792fd6ab6b54c6884c63b"
             "a56d4dbed2"
             "1fb80a4c68f7100");
}

static void test_legacy_env_signer(void) {
  g_autoptr(GByteArray) text = g_byte_array_new();
  static const guint8 zero_id[20];
  g_autoptr(GBytes) public_key =
      hex_decode_prefixed("e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a", NULL);
  g_autoptr(GBytes) signature = hex_decode_prefixed("8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed7a"
                                                    "5e7111652004aef37f7fd92fbfc1285212c4ae6a6154203a48f5e1"
                                                    "6cad2cef00",
                                                    NULL);
  g_byte_array_append(text, (const guint8 *)"dstack-env-encrypt-pubkey:", 26);
  g_byte_array_append(text, zero_id, sizeof zero_id);
  g_byte_array_append(text, g_bytes_get_data(public_key, NULL), 32);
  guint8 signer[K256_PUBLIC_SIZE];
  g_assert_true(k256_recover_message(text->data, text->len, g_bytes_get_data(signature, NULL), signer, NULL));
  assert_hex(signer, sizeof signer, "0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f");
}

static void test_app_ca(void) {
  g_autoptr(RootKeys) keys = keys_of(VECTOR1_ROOT, ALL_5E);
  guint8 app_id[20];
  id_of("32467b43bfa67273fc7ddda0999ee9a12f2aaa08", app_id);
  g_autoptr(EVP_PKEY) key = app_ca_key_derive(keys, app_id, NULL);
  g_autoptr(Secret) scalar = p256_scalar(key);
  assert_secret(scalar, "198f5c939f0a80b015a69156aecd50ffc589e0a951dd59310ad73776eda2680c");
}

static X509 *cert_of(const char *pem) { return cert_from_pem(pem, strlen(pem), NULL); }

static void assert_serial(X509 *cert, const char *hex) {
  const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
  assert_hex(ASN1_STRING_get0_data(serial), (gsize)ASN1_STRING_length(serial), hex);
}

static void assert_extension(X509 *cert, const char *oid, const char *hex) {
  g_autoptr(GBytes) content = NULL;
  g_assert_true(cert_extension(cert, oid, &content, NULL));
  g_assert_true(hex ? content != NULL : content == NULL);
  if (hex)
    assert_hex(g_bytes_get_data(content, NULL), g_bytes_get_size(content), hex);
}

static void test_leaf_chain(void) {
  g_autoptr(RootKeys) keys = keys_of(VECTOR1_ROOT, ALL_5E);
  g_autoptr(X509) root = certificate_root_ca(keys, NULL);
  assert_serial(root, "6078317e8a0f260d06534a3d2a4d0fa135a75721");
  g_autoptr(EVP_PKEY) subject = p256_generate();
  const char *const alt_names[] = {"alt.example.com", NULL};
  g_autoptr(GBytes) quote = g_bytes_new_static("\xaa\xbb", 2);
  g_autoptr(GBytes) event_log = g_bytes_new_static("[]", 2);
  LeafRequest request = {.public_key = subject,
                         .common_name = "test.example.com",
                         .alt_names = alt_names,
                         .server_auth = TRUE,
                         .evidence = {quote, event_log}};
  id_of("32467b43bfa67273fc7ddda0999ee9a12f2aaa08", request.app_id);
  g_autofree char *leaf_pem = NULL, *ca_pem = NULL;
  g_autoptr(GError) error = NULL;
  g_assert_true(certificate_app_leaf(keys, root, &request, &leaf_pem, &ca_pem, &error));
  g_autoptr(GPtrArray) chain = g_ptr_array_new_with_free_func((GDestroyNotify)X509_free);
  g_ptr_array_add(chain, cert_of(leaf_pem));
  g_ptr_array_add(chain, cert_of(ca_pem));
  g_assert_true(certs_verify_chain(chain, root, g_get_real_time() / G_USEC_PER_SEC, &error));
  assert_serial(chain->pdata[1], "236aad9f82ef8b0c8884a0c17dbf2402198556b4");
  assert_extension(chain->pdata[0], "1.3.6.1.4.1.62397.1.1", "aabb");
  assert_extension(chain->pdata[0], "1.3.6.1.4.1.62397.1.2", "5b5d");
  assert_extension(chain->pdata[0], "1.3.6.1.4.1.62397.1.3", "32467b43bfa67273fc7ddda0999ee9a12f2aaa08");
  assert_extension(chain->pdata[0], "1.3.6.1.4.1.62397.1.4", "6170703a637573746f6d");
  assert_extension(chain->pdata[1], "1.3.6.1.4.1.62397.1.4", "6170703a6361");
  assert_extension(chain->pdata[1], "1.3.6.1.4.1.62397.1.1", NULL);
}

static X509 *leaf_of(const RootKeys *keys, X509 *root, LeafRequest *request, GError **error) {
  g_autofree char *leaf_pem = NULL, *ca_pem = NULL;
  return certificate_app_leaf(keys, root, request, &leaf_pem, &ca_pem, error) ? cert_of(leaf_pem) : NULL;
}

static gint64 seconds_until(const ASN1_TIME *time) {
  int days, seconds;
  g_assert_true(ASN1_TIME_diff(&days, &seconds, NULL, time));
  return days * 86400LL + seconds;
}

/* What requests of version 2 may ask for: other extensions, and a validity within that of the CA. */
static void test_leaf_of_version_2(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(RootKeys) keys = root_keys_generate();
  g_autoptr(X509) root = certificate_root_ca(keys, NULL);
  g_autoptr(EVP_PKEY) subject = p256_generate();
  g_autoptr(GBytes) attestation = g_bytes_new_static("\x00\x01", 2), app_info = g_bytes_new_static("\x99", 1);
  const guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC);
  LeafRequest request = {.public_key = subject,
                         .common_name = "app",
                         .evidence.attestation = attestation,
                         .app_info = app_info,
                         .not_before = now - 60,
                         .not_after = now + 3600};
  g_autoptr(X509) leaf = leaf_of(keys, root, &request, &error);
  g_assert_no_error(error);
  assert_extension(leaf, "1.3.6.1.4.1.62397.1.8", "0001");
  assert_extension(leaf, "1.3.6.1.4.1.62397.1.9", "99");
  assert_extension(leaf, "1.3.6.1.4.1.62397.1.1", NULL);
  g_assert_cmpint(ABS(seconds_until(X509_get0_notAfter(leaf)) - 3600), <, 60);
  g_assert_cmpint(ABS(seconds_until(X509_get0_notBefore(leaf)) + 60), <, 60);
  request.not_after = G_MAXUINT64;
  g_autoptr(X509) capped = leaf_of(keys, root, &request, &error);
  g_assert_no_error(error);
  g_assert_cmpint(ABS(seconds_until(X509_get0_notAfter(capped)) - 3650 * 86400LL), <, 60);
  request.not_after = now - 60;
  g_assert_null(leaf_of(keys, root, &request, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  request.not_after = 0;
  request.not_before = G_MAXUINT64;
  g_assert_null(leaf_of(keys, root, &request, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_rpc_certificate(void) {
  g_autoptr(RootKeys) keys = root_keys_generate();
  g_autoptr(X509) root = certificate_root_ca(keys, NULL);
  g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
  CertificateEvidence none = {nothing, nothing, NULL};
  g_autoptr(X509) by_address = certificate_rpc(keys, root, "10.0.2.2", &none, NULL);
  g_assert_cmpint(X509_check_ip_asc(by_address, "10.0.2.2", 0), ==, 1);
  g_autoptr(X509) by_name = certificate_rpc(keys, root, "kms.example.com", &none, NULL);
  g_assert_cmpint(X509_check_host(by_name, "kms.example.com", 0, 0, NULL), ==, 1);
  g_autoptr(X509) by_both = certificate_rpc(keys, root, "10.0.2.2,kms.example.com", &none, NULL);
  g_assert_cmpint(X509_check_ip_asc(by_both, "10.0.2.2", 0), ==, 1);
  g_assert_cmpint(X509_check_host(by_both, "kms.example.com", 0, 0, NULL), ==, 1);
  assert_extension(by_name, "1.3.6.1.4.1.62397.1.4", "6b6d733a727063");
  assert_extension(by_name, "1.3.6.1.4.1.62397.1.1", NULL);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/keys/reference-fixture", test_reference_fixture);
  g_test_add_func("/kms/keys/reference-signature", test_reference_signature);
  g_test_add_func("/kms/keys/computed-vector", test_computed_vector);
  g_test_add_func("/kms/keys/env-key", test_env_key);
  g_test_add_func("/kms/keys/legacy-env-signer", test_legacy_env_signer);
  g_test_add_func("/kms/keys/app-ca", test_app_ca);
  g_test_add_func("/kms/certificates/leaf-chain", test_leaf_chain);
  g_test_add_func("/kms/certificates/leaf-of-version-2", test_leaf_of_version_2);
  g_test_add_func("/kms/certificates/rpc", test_rpc_certificate);
  return g_test_run();
}
