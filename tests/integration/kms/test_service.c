/* A KMS in three processes: an attested client gets its keys, nobody else gets anything. */
#include "harness.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"
#include "tdx/report_data.h"

#include <openssl/x509v3.h>
#include <string.h>

#define MAX_RSS_KIB (16 * 1024)

static Kms *shared; /* one KMS for all tests of this program */

static void assert_secret_equal(const Secret *a, const Secret *b) { g_assert_true(secret_equal(a, b)); }

static void test_attested_client_gets_keys(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, &error);
  g_assert_no_error(error);
  guint8 app_id[20], instance_id[20];
  memset(app_id, 0xaa, sizeof app_id);
  memset(instance_id, 0xbb, sizeof instance_id);
  g_autoptr(RootKeys) root = key_files_load(shared->cert_dir, &error);
  g_auto(AppSecrets) expected = {0};
  g_assert_true(app_secrets_derive(root, app_id, instance_id, &expected, &error));
  assert_secret_equal(keys->disk_crypt_key, expected.disk);
  assert_secret_equal(keys->env_crypt_key, expected.env);
  assert_secret_equal(keys->k256_key, expected.k256);
  g_assert_cmpmem(g_bytes_get_data(keys->k256_signature, NULL), g_bytes_get_size(keys->k256_signature),
                  expected.k256_signature, sizeof expected.k256_signature);
  g_assert_cmpstr(keys->gateway_app_id, ==, "gateway");
  g_autofree char *image = hex_encode_bytes(keys->os_image_hash);
  g_assert_true(g_str_has_prefix(image, "2222"));
  g_autoptr(GBytes) provider = app_keys_provider_id(keys);
  g_autoptr(GBytes) spki = p256_spki(root->root_ca);
  g_assert_true(g_bytes_equal(provider, spki));
}

static void test_webhook_is_asked(void) {
  gint before = g_atomic_int_get(&shared->hook.asked);
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xab, 0, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, NULL);
  g_autoptr(AppKeys) again = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, NULL);
  g_assert_true(keys && again);
  g_assert_cmpint(g_atomic_int_get(&shared->hook.asked), ==, before + 2); /* every time */
  g_mutex_lock(&shared->hook.lock);
  g_autofree char *question = g_strdup(shared->hook.last_question);
  g_mutex_unlock(&shared->hook.lock);
  g_autoptr(json_t) info = json_parse(question, strlen(question), "question", NULL);
  g_assert_cmpstr(json_string_value(json_object_get(info, "appId")), ==, "abababababababababababababababababababab");
  g_assert_cmpstr(json_string_value(json_object_get(info, "instanceId")), ==, "");
  g_assert_cmpstr(json_string_value(json_object_get(info, "tcbStatus")), ==, "UpToDate");
  g_assert_cmpstr(json_string_value(json_object_get(info, "osImageHash")), ==,
                  "2222222222222222222222222222222222222222222222222222222222222222");
}

static void get_app_key_fails(PrpcClient *client, const char *vm_config, guint32 api_version, const char *why) {
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.api_version = api_version;
  request.vm_config = (char *)vm_config;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, &error);
  g_assert_null(answer);
  g_assert_nonnull(error);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
}

static void test_no_certificate(void) {
  g_autoptr(PrpcClient) client = kms_client(shared, NULL, NULL);
  get_app_key_fails(client, VM_CONFIG, 1, "app not allowed: no attestation provided");
}

/* Certificates under the public temp CA that are not what they claim. */
typedef enum {
  CERT_NO_EVIDENCE,
  CERT_OTHER_KEY,
  CERT_CLAIMS_APP_ID,
  CERT_BROKEN_QUOTE,
  CERT_CUT_QUOTE,
  CERT_OTHER_LOG
} CertTrick;

static GBytes *damage(GBytes *bytes, gboolean cut) {
  gsize len;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  g_autofree guint8 *copy = g_memdup2(data, len);
  copy[700] ^= 1; /* within the signature section */
  return g_bytes_new(copy, cut ? 600 : len);
}

static GPtrArray *trick_extensions(CertTrick trick, TdxPlatform *platform, EVP_PKEY *key) {
  g_autoptr(EVP_PKEY) other = p256_generate();
  g_autoptr(GBytes) quote = NULL, log = NULL;
  g_assert_true(ratls_take_evidence(platform, trick == CERT_OTHER_KEY ? other : key, &quote, &log, NULL));
  if (trick == CERT_BROKEN_QUOTE || trick == CERT_CUT_QUOTE) {
    GBytes *damaged = damage(quote, trick == CERT_CUT_QUOTE);
    g_bytes_unref(quote);
    quote = damaged;
  }
  if (trick == CERT_OTHER_LOG) {
    g_autoptr(TdxPlatform) stranger = kms_client_platform(shared, 0x99, 0, GOOD_IMAGE);
    g_autoptr(GBytes) ignored = NULL;
    g_clear_pointer(&log, g_bytes_unref);
    g_assert_true(ratls_take_evidence(stranger, key, &ignored, &log, NULL));
  }
  GPtrArray *contents = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  g_ptr_array_add(contents, g_steal_pointer(&quote));
  g_ptr_array_add(contents, g_steal_pointer(&log));
  return contents;
}

static PrpcClient *tricky_client(CertTrick trick) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(EVP_PKEY) ca_key = NULL;
  g_autoptr(X509) ca = kms_temp_ca(shared, &ca_key);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GPtrArray) evidence = trick_extensions(trick, platform, key);
  static const char wanted_id[20] = "IIIIIIIIIIIIIIIIIII";
  g_autoptr(GBytes) app_id = g_bytes_new_static(wanted_id, sizeof wanted_id);
  const CertExtension extensions[] = {
      {RATLS_OID_QUOTE, evidence->pdata[0]}, {RATLS_OID_EVENT_LOG, evidence->pdata[1]}, {RATLS_OID_APP_ID, app_id}};
  CertSpec spec = {.common_name = "RA-TLS TEMP Cert", .ca_path_len = -1, .extensions = extensions, .n_extensions = 2};
  if (trick == CERT_NO_EVIDENCE || trick == CERT_CLAIMS_APP_ID) {
    spec.extensions = extensions + 2;
    spec.n_extensions = 1;
  }
  g_autoptr(X509) cert = cert_build(&spec, key, ca, ca_key, NULL);
  g_autofree char *pem = cert_to_pem(cert);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  return kms_client(shared, pem, key_pem);
}

static void test_bad_certificates(void) {
  static const struct {
    CertTrick trick;
    const char *why;
  } cases[] = {{CERT_NO_EVIDENCE, "no attestation provided"},
               {CERT_CLAIMS_APP_ID, "no attestation provided"},
               {CERT_OTHER_KEY, "invalid quote: report data mismatch"},
               {CERT_BROKEN_QUOTE, "invalid quote: "},
               {CERT_CUT_QUOTE, "invalid quote: "},
               {CERT_OTHER_LOG, "invalid quote: "}};
  gint before = g_atomic_int_get(&shared->hook.asked);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(PrpcClient) client = tricky_client(cases[i].trick);
    get_app_key_fails(client, VM_CONFIG, 1, cases[i].why);
  }
  g_assert_cmpint(g_atomic_int_get(&shared->hook.asked), ==, before); /* nobody bothers the webhook without proof */
}

/* Evidence of another simulated installation: genuine in form, but under a root that this KMS does not know. */
static void test_foreign_root(void) {
  g_autoptr(Kms) stranger = kms_new();
  g_autoptr(TdxPlatform) platform = kms_client_platform(stranger, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  get_app_key_fails(client, VM_CONFIG, 1, "invalid quote: ");
}

static void test_self_signed_client(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  CertSpec spec = {.common_name = "RA-TLS TEMP Cert", .ca_path_len = -1};
  g_autoptr(X509) cert = cert_build(&spec, key, NULL, key, NULL);
  g_autofree char *pem = cert_to_pem(cert);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  g_autoptr(PrpcClient) client = kms_client(shared, pem, key_pem);
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetTempCaCert", NULL, &kms__get_temp_ca_cert_response__descriptor, &error);
  g_assert_null(answer); /* the handshake fails */
}

static void test_wrong_image(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, 0x12);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  get_app_key_fails(client, VM_CONFIG, 1, "mrs do not match");
  g_autoptr(TdxPlatform) good = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) unknown = kms_attested_client(shared, good);
  get_app_key_fails(unknown,
                    "{\"os_image_hash\":\"3333333333333333333333333333333333333333333333333333333333333333\","
                    "\"cpu_count\":1,\"memory_size\":2147483648}",
                    1, "is not in the cache");
}

static void test_bad_vm_config(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  static const char *const bad[] = {"", "{", "[]", "{\"os_image_hash\":\"22\"}", NULL};
  for (const char *const *vm_config = bad; *vm_config; vm_config++)
    get_app_key_fails(client, *vm_config, 1, "app not allowed: failed to decode vm config: ");
}

static void test_api_versions(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  get_app_key_fails(client, VM_CONFIG, 2, "unsupported API version: 2");
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, NULL);
  g_assert_nonnull(answer);
}

static void with_hook_mode(HookMode mode, const char *why) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  g_atomic_int_set(&shared->hook.mode, mode);
  get_app_key_fails(client, VM_CONFIG, 1, why);
  g_atomic_int_set(&shared->hook.mode, HOOK_ALLOW);
}

static void test_webhook_refusals(void) {
  with_hook_mode(HOOK_DENY, "app not allowed: boot denied: compose hash not allowed");
  with_hook_mode(HOOK_LIE, "failed to check boot auth: ");
  with_hook_mode(HOOK_FAIL, "failed to check boot auth: webhook answered status 500");
  with_hook_mode(HOOK_HUGE, "failed to check boot auth: ");
}

static void test_webhook_hangs(void) {
  gint64 start = g_get_monotonic_time();
  with_hook_mode(HOOK_HANG, "failed to check boot auth: ");
  g_assert_cmpint(g_get_monotonic_time() - start, <, 35 * G_USEC_PER_SEC);
}

static void test_sign_cert(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xad, 0xbb, GOOD_IMAGE);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, &error);
  g_assert_no_error(error);
  tdx_emit_event(platform, "system-ready", NULL, 0, NULL); /* what an app does later changes nothing */
  g_autoptr(EVP_PKEY) key = p256_generate();
  const char *const alt_names[] = {"app.example.com", NULL};
  AppCertSpec spec = {.subject = "app.example.com", .alt_names = alt_names, .server_auth = TRUE, .ra_tls = TRUE};
  g_auto(GStrv) chain = app_keys_certify(keys, platform, VM_CONFIG, key, &spec, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_strv_length(chain), ==, 3);
  g_autoptr(X509) leaf = cert_from_pem(chain[0], strlen(chain[0]), NULL);
  g_autoptr(GBytes) app_id = NULL;
  g_autofree char *usage = NULL;
  g_assert_true(ratls_cert_app_id(leaf, &app_id, NULL) && ratls_cert_usage(leaf, &usage, NULL));
  g_autofree char *app_id_hex = hex_encode_bytes(app_id);
  g_assert_cmpstr(app_id_hex, ==, "adadadadadadadadadadadadadadadadadadadad");
  g_assert_cmpstr(usage, ==, "app:custom");
  g_assert_cmpint(X509_check_host(leaf, "app.example.com", 0, 0, NULL), ==, 1);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  g_assert_true(ratls_verify_certificate(shared->verifier, leaf, &evidence, &error));
  g_assert_nonnull(evidence);
}

/* A request of version 2: the leaf shows the attestation, stripped, who the app is, and the time that was asked for. */
static void test_sign_cert_v2(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xad, 0xbb, GOOD_IMAGE);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, &error);
  g_assert_no_error(error);
  g_autoptr(EVP_PKEY) key = p256_generate();
  const guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC);
  AppCertSpec spec = {.subject = "app", .client_auth = TRUE, .ra_tls = TRUE, .app_info = TRUE};
  spec.has_not_after = TRUE;
  spec.not_after = now + 3600;
  g_auto(GStrv) chain = app_keys_certify(keys, platform, VM_CONFIG, key, &spec, &error);
  g_assert_no_error(error);
  g_autoptr(X509) leaf = cert_from_pem(chain[0], strlen(chain[0]), NULL);
  g_autoptr(GBytes) quote = NULL, attestation = NULL;
  g_assert_true(cert_extension(leaf, RATLS_OID_QUOTE, &quote, NULL) &&
                cert_extension(leaf, RATLS_OID_ATTESTATION, &attestation, NULL));
  g_assert_null(quote);
  g_assert_nonnull(attestation);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  ratls_verify_certificate(shared->verifier, leaf, &evidence, &error);
  g_assert_no_error(error);
  g_assert_nonnull(evidence);
  g_assert_false(evidence->boot_log_replayed);
  g_autoptr(AppInfo) info = NULL;
  g_assert_true(ratls_cert_app_info(leaf, &info, &error) && info);
  g_assert_true(g_bytes_equal(info->app_id, evidence->app_info->app_id));
  g_autofree char *image = hex_encode_bytes(info->os_image_hash);
  g_assert_nonnull(strstr(VM_CONFIG, image));
  int days, seconds;
  g_assert_true(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)));
  g_assert_true(days == 0 && seconds > 3000 && seconds <= 3600);
}

static void sign_fails(guint32 api_version, const char *csr, const char *why) {
  g_autoptr(PrpcClient) client = kms_client(shared, NULL, NULL);
  Kms__SignCertRequest request = KMS__SIGN_CERT_REQUEST__INIT;
  request.api_version = api_version;
  request.csr = (ProtobufCBinaryData){strlen(csr), (guint8 *)csr};
  request.signature = request.csr;
  request.vm_config = (char *)VM_CONFIG;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "SignCert", &request.base, &kms__sign_cert_response__descriptor, &error);
  g_assert_null(answer);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
}

static void test_bad_csr(void) {
  sign_fails(3, "x", "unsupported API version: 3");
  sign_fails(2, "x", "certificate request");
  sign_fails(1, "", "");
  sign_fails(0, "nonsense", "");
}

static void test_env_key(void) {
  g_autoptr(PrpcClient) client = kms_client(shared, NULL, NULL);
  guint8 app_id[20];
  memset(app_id, 0xaa, sizeof app_id);
  Kms__AppId request = KMS__APP_ID__INIT;
  request.app_id = (ProtobufCBinaryData){sizeof app_id, app_id};
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message =
      prpc_client_call(client, "GetAppEnvEncryptPubKey", &request.base, &kms__public_key_response__descriptor, &error);
  g_assert_no_error(error);
  const Kms__PublicKeyResponse *answer = (const Kms__PublicKeyResponse *)message;
  g_autoptr(RootKeys) root = key_files_load(shared->cert_dir, NULL);
  EnvKey expected;
  g_assert_true(env_key_derive(root, app_id, answer->timestamp, &expected, NULL));
  g_assert_cmpmem(answer->public_key.data, answer->public_key.len, expected.public_key, 32);
  g_assert_cmpmem(answer->signature.data, answer->signature.len, expected.signature, 65);
  g_assert_cmpmem(answer->signature_v1.data, answer->signature_v1.len, expected.signature_v1, 65);
  gint64 age = g_get_real_time() / G_USEC_PER_SEC - (gint64)answer->timestamp;
  g_assert_true(age >= 0 && age < 10);
  for (gsize len = 0; len < 40; len++) {
    guint8 wrong[40] = {0};
    request.app_id = (ProtobufCBinaryData){len, wrong};
    g_autoptr(PrpcMessage) refused =
        prpc_client_call(client, "GetAppEnvEncryptPubKey", &request.base, &kms__public_key_response__descriptor, NULL);
    g_assert_true((refused != NULL) == (len == 20));
  }
}

static void test_meta(void) {
  g_autoptr(PrpcClient) client = kms_client(shared, NULL, NULL);
  g_autoptr(PrpcMessage) message = prpc_client_call(client, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
  g_assert_nonnull(message);
  const Kms__GetMetaResponse *meta = (const Kms__GetMetaResponse *)message;
  g_assert_cmpuint(meta->k256_pubkey.len, ==, 33);
  g_assert_false(meta->is_dev || meta->allow_any_upgrade);
  g_assert_null(meta->bootstrap_info); /* auto-bootstrap writes none */
  g_assert_cmpstr(meta->gateway_app_id, ==, "gateway");
  g_assert_cmpuint(meta->chain_id, ==, 31337);
  g_atomic_int_set(&shared->hook.mode, HOOK_FAIL); /* the static part does not depend on the webhook */
  g_autoptr(PrpcMessage) down = prpc_client_call(client, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
  g_atomic_int_set(&shared->hook.mode, HOOK_ALLOW);
  g_assert_nonnull(down);
  g_assert_false(prpc_has_optional(down, "gateway_app_id"));
}

static void test_rpc_certificate(void) {
  g_autofree char *path = g_build_filename(shared->cert_dir, "rpc.crt", NULL);
  g_autofree char *pem = NULL;
  g_assert_true(g_file_get_contents(path, &pem, NULL, NULL));
  g_autoptr(X509) cert = cert_from_pem(pem, strlen(pem), NULL);
  /* Both forms, for older and newer peers. */
  g_autoptr(GBytes) quote = NULL, log = NULL, attestation = NULL;
  g_assert_true(cert_extension(cert, RATLS_OID_QUOTE, &quote, NULL) && quote);
  g_assert_true(cert_extension(cert, RATLS_OID_EVENT_LOG, &log, NULL) && log);
  g_assert_true(cert_extension(cert, RATLS_OID_ATTESTATION, &attestation, NULL) && attestation);
  g_autoptr(VerifiedEvidence) newer = NULL, older = NULL;
  g_autoptr(GError) error = NULL;
  g_assert_true(ratls_verify_certificate(shared->verifier, cert, &newer, &error));
  g_assert_no_error(error);
  g_assert_cmpstr(newer->config, ==, VM_CONFIG);
  g_autoptr(GBytes) spki = cert_spki(cert);
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  report_data_ratls(spki, report_data);
  gsize len;
  const char *json = g_bytes_get_data(log, &len);
  older = ratls_verify_evidence(shared->verifier, quote, json, len, report_data, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(older->app_info->mr_aggregated, 32, newer->app_info->mr_aggregated, 32);
}

static void test_memory(void) {
  const pid_t pids[] = {shared->pid, kms_helper(shared, "dstack-kms-verifier"),
                        kms_helper(shared, "dstack-kms-keyholder")};
  static const char *const names[] = {"front", "verifier", "key holder"};
  for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
    guint64 rss = process_rss(pids[i]);
    g_test_message("%s: %" G_GUINT64_FORMAT " KiB", names[i], rss);
#if !defined(__SANITIZE_ADDRESS__)
    g_assert_cmpuint(rss, <, MAX_RSS_KIB);
#endif
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shared = kms_new();
  kms_start(shared);
  g_test_add_func("/kms/service/attested-client", test_attested_client_gets_keys);
  g_test_add_func("/kms/service/webhook-is-asked", test_webhook_is_asked);
  g_test_add_func("/kms/service/no-certificate", test_no_certificate);
  g_test_add_func("/kms/service/bad-certificates", test_bad_certificates);
  g_test_add_func("/kms/service/foreign-root", test_foreign_root);
  g_test_add_func("/kms/service/self-signed-client", test_self_signed_client);
  g_test_add_func("/kms/service/wrong-image", test_wrong_image);
  g_test_add_func("/kms/service/bad-vm-config", test_bad_vm_config);
  g_test_add_func("/kms/service/api-versions", test_api_versions);
  g_test_add_func("/kms/service/webhook-refusals", test_webhook_refusals);
  g_test_add_func("/kms/service/webhook-hangs", test_webhook_hangs);
  g_test_add_func("/kms/service/sign-cert", test_sign_cert);
  g_test_add_func("/kms/service/sign-cert-v2", test_sign_cert_v2);
  g_test_add_func("/kms/service/bad-csr", test_bad_csr);
  g_test_add_func("/kms/service/env-key", test_env_key);
  g_test_add_func("/kms/service/meta", test_meta);
  g_test_add_func("/kms/service/rpc-certificate", test_rpc_certificate);
  g_test_add_func("/kms/service/memory", test_memory);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
