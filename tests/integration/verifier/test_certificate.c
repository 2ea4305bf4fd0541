/* dstack-verifier --verify-cert: attested certificates of a simulated TEE, and ones that are not what they seem. */
#include "world.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/x509.h"
#include "ratls/evidence.h"
#include "tdx/simulated.h"

#include <string.h>

typedef struct {
  char *dir, *config;
  TdxPlatform *platform;
} Issuer;

static void issuer_clear(Issuer *issuer) {
  g_assert_true(file_remove_tree(issuer->dir, NULL));
  g_clear_pointer(&issuer->platform, tdx_platform_free);
  g_free(issuer->dir);
  g_free(issuer->config);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Issuer, issuer_clear)

static char *write_text(const Issuer *issuer, const char *name, const char *text) {
  char *path = g_build_filename(issuer->dir, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  return path;
}

static void issuer_init(Issuer *issuer) {
  static const guint8 mrtd[48] = {7}, mr_config_id[48];
  g_autoptr(Secret) seed = secret_new_random(32);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_autoptr(TdxEventLog) boot_log = tdx_event_log_new();
  issuer->dir = g_dir_make_tmp("dstack-certificate-XXXXXX", NULL);
  g_autofree char *state = g_build_filename(issuer->dir, "tee", NULL);
  g_assert_true(file_make_dirs(state, 0700, NULL));
  g_autofree char *root = simulated_pki_root_pem(pki);
  g_autofree char *collateral = simulated_pki_collateral(pki, g_get_real_time() / G_USEC_PER_SEC, NULL);
  g_autofree char *root_path = write_text(issuer, "root.pem", root),
                  *collateral_path = write_text(issuer, "collateral.json", collateral);
  g_autofree char *config = g_strdup_printf("image_cache_dir = \"%s/cache\"\n[attestation]\n"
                                            "insecure_allow_external_trust_anchors = true\nroot_ca.tdx = \"%s\"\n"
                                            "collateral_file = \"%s\"\n",
                                            issuer->dir, root_path, collateral_path);
  issuer->config = write_text(issuer, "verifier.toml", config);
  issuer->platform = tdx_platform_simulated(pki, mrtd, mr_config_id, boot_log, state, NULL);
  g_assert_true(tdx_emit_event(issuer->platform, "app-id", "aaaaaaaaaaaaaaaaaaaa", 20, NULL));
  g_assert_true(tdx_emit_event(issuer->platform, "compose-hash", "cccccccccccccccccccccccccccccccc", 32, NULL));
}

typedef enum { CERT_GOOD, CERT_OTHER_KEY, CERT_NO_EVIDENCE, CERT_NO_NAME, CERT_NO_PURPOSE, CERT_EXPIRED } Kind;

static X509 *make_certificate(const Issuer *issuer, Kind kind) {
  g_autoptr(EVP_PKEY) key = p256_generate(), other = p256_generate();
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_autoptr(GError) error = NULL;
  g_assert_true(
      ratls_take_evidence(issuer->platform, kind == CERT_OTHER_KEY ? other : key, &quote, &event_log, &error));
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, event_log}};
  static const char *const names[] = {"app.example.com", NULL};
  const CertSpec spec = {.common_name = "app",
                         .alt_names = kind == CERT_NO_NAME ? NULL : names,
                         .server_auth = kind != CERT_NO_PURPOSE,
                         .ca_path_len = -1,
                         .extensions = extensions,
                         .n_extensions = kind == CERT_NO_EVIDENCE ? 0 : 2,
                         .not_after = kind == CERT_EXPIRED ? 1000000000 : 0};
  X509 *cert = cert_build(&spec, key, NULL, key, &error);
  g_assert_no_error(error);
  return cert;
}

static json_t *verify_text(const Issuer *issuer, const char *content, gsize len, int expected_status) {
  g_autofree char *path = g_build_filename(issuer->dir, "cert", NULL), *output = NULL;
  g_assert_true(g_file_set_contents(path, content, (gssize)len, NULL));
  const char *arguments[] = {"-c", issuer->config, "--verify-cert", path, NULL};
  g_assert_cmpint(run_verifier(arguments, &output, NULL), ==, expected_status);
  json_t *answer = json_parse(output, strlen(output), "output", NULL);
  g_autofree char *result = g_strconcat(path, ".ratls-verification.json", NULL);
  g_autoptr(json_t) written = json_parse_file(result, 1 << 20, NULL);
  g_assert_true(json_equal(answer, written));
  g_assert_cmpint(json_is_true(json_object_get(answer, "is_valid")), ==, expected_status == 0);
  return answer;
}

static void test_good(void) {
  g_auto(Issuer) issuer = {0};
  issuer_init(&issuer);
  g_autoptr(X509) cert = make_certificate(&issuer, CERT_GOOD);
  g_autofree char *pem = cert_to_pem(cert);
  g_autoptr(GBytes) der = cert_to_der(cert), spki = cert_spki(cert);
  g_autoptr(json_t) of_pem = verify_text(&issuer, pem, strlen(pem), 0);
  g_autoptr(json_t) of_der = verify_text(&issuer, g_bytes_get_data(der, NULL), g_bytes_get_size(der), 0);
  g_assert_true(json_equal(of_pem, of_der));
  const json_t *details = json_object_get(of_pem, "details"), *app = json_object_get(details, "app_info");
  g_autofree char *key = hex_encode_bytes(spki);
  g_assert_cmpstr(json_string_value(json_object_get(details, "tee_variant")), ==, "dstack-tdx");
  g_assert_cmpstr(json_string_value(json_object_get(details, "public_key_der")), ==, key);
  g_assert_cmpstr(json_string_value(json_object_get(details, "trust_anchor")), ==, "external");
  g_assert_cmpstr(json_string_value(json_object_get(app, "app_id")), ==, "6161616161616161616161616161616161616161");
  g_assert_true(json_is_false(json_object_get(app, "os_image_hash_verified"))); /* nobody said which image */
  g_assert_true(json_is_null(json_object_get(app, "os_image_hash")));
}

static void test_refused(void) {
  static const struct {
    Kind kind;
    const char *why;
  } cases[] = {{CERT_OTHER_KEY, "report data mismatch"},
               {CERT_NO_EVIDENCE, "carries no attestation"},
               {CERT_NO_NAME, "no subject alternative name"},
               {CERT_NO_PURPOSE, "extended key usage"},
               {CERT_EXPIRED, "not valid now"}};
  g_auto(Issuer) issuer = {0};
  issuer_init(&issuer);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(X509) cert = make_certificate(&issuer, cases[i].kind);
    g_autofree char *pem = cert_to_pem(cert);
    g_autoptr(json_t) answer = verify_text(&issuer, pem, strlen(pem), 1);
    const char *reason = json_string_value(json_object_get(answer, "reason"));
    if (!strstr(reason, cases[i].why))
      g_error("'%s' is not in: %s", cases[i].why, reason);
  }
  g_autoptr(json_t) garbage = verify_text(&issuer, "garbage", 7, 1);
  g_assert_true(json_is_null(json_object_get(json_object_get(garbage, "details"), "app_info")));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/verifier/certificate/good", test_good);
  g_test_add_func("/verifier/certificate/refused", test_refused);
  return g_test_run();
}
