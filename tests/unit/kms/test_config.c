/* Configuration: what is refused, what is only warned about; the domain rule; the binding of a bootstrap quote. */
#include "hex_util.h"

#include "kms/config.h"
#include "kms/domain.h"
#include "kms/lifecycle.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

static KmsConfig *load(const char *text, GError **error) {
  g_autofree char *dir = g_dir_make_tmp("dstack-kms-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "kms.toml", NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  KmsConfig *config = kms_config_load(path, error);
  g_assert_true(file_remove_tree(dir, NULL));
  return config;
}

static void test_defaults(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(KmsConfig) config = load("", &error);
  g_assert_no_error(error);
  g_assert_cmpstr(config->rpc_address, ==, "0.0.0.0:8000");
  g_assert_cmpstr(config->cert_dir, ==, "/etc/kms/certs");
  g_assert_cmpstr(config->webhook_url, ==, "http://auth-api:8000");
  g_assert_true(config->verify_image && config->quote_enabled && config->onboard_enabled);
  g_assert_false(config->client_certificate_required);
  g_assert_cmpint(config->auth_type, ==, AUTH_WEBHOOK);
  g_assert_null(config->root_ca_path);
}

static void test_refused(void) {
  static const char *const bad[] = {"[core.image]\nverify = false\n",
                                    "[core.auth_api]\ntype = \"none\"\n",
                                    "[core.auth_api]\ntype = 1\n",
                                    "[core.attestation.root_ca]\ntdx = \"/tmp/root.pem\"\n",
                                    "[core.onboard]\nauto_bootstrap_domain = \"a b\"\n",
                                    "[rpc]\nport = 65536\n",
                                    "[rpc]\nworkers = 1000\n",
                                    "[rpc.limits]\nGetMeta = true\n",
                                    "[core]\ncert_dir = 7\n",
                                    NULL};
  for (const char *const *text = bad; *text; text++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(load(*text, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
  static const char *const shared[] = {"[core.isolation]\nverifier_user = \"\"\n",
                                       "[core.isolation]\nverifier_user = \"65523\"\n", NULL};
  for (const char *const *text = shared; *text; text++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(load(*text, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(kms_config_load("/nonexistent/kms.toml", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
}

static void test_accepted(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(KmsConfig) config =
      load("[rpc]\naddress = \"::1\"\nport = 0\n[rpc.limits]\nGetMeta = \"1K\"\n"
           "[core.image]\nverify = false\n[core.auth_api]\ntype = \"dev\"\n"
           "[core]\nattest_rpc_cert = false\n"
           "[core.attestation]\ninsecure_allow_external_trust_anchors = true\n"
           "root_ca.tdx = \"/x/root.pem\"\ncollateral_file = \"/x/c.json\"\nurls.pccs = \" \"\n"
           "[core.onboard]\nauto_bootstrap_domain = \"10.0.2.2\"\n",
           &error);
  g_assert_no_error(error);
  g_assert_cmpstr(config->rpc_address, ==, "[::1]:0");
  g_assert_false(config->quote_enabled);
  g_assert_null(config->pccs_url);
  g_assert_cmpstr(config->root_ca_path, ==, "/x/root.pem");
  g_assert_cmpuint(config->limits->len, ==, 1);
  g_assert_cmpuint(g_array_index(config->limits, MethodLimit, 0).bytes, ==, 1024);
}

static void test_domain(void) {
  g_autofree char *label63 = g_strnfill(63, 'a');
  g_autofree char *label64 = g_strnfill(64, 'a');
  g_autofree char *longest = g_strdup_printf("%s.%s.%s.%.61s", label63, label63, label63, label63);
  g_autofree char *too_long = g_strdup_printf("%s.%s.%s.%.62s", label63, label63, label63, label63);
  const char *const good[] = {"a",     "kms.example.com", "10.0.2.2", "a-b.c", "localhost", "10.0.2.2,kms.example.com",
                              label63, longest,           NULL};
  const char *const bad[] = {"",  ".",   "a.", ".a", "a..b", "-a",  "a-",    "a_b",    "a b",
                             "ä", "a/b", "a,", ",a", "a,,b", "a\n", label64, too_long, NULL};
  for (const char *const *domain = good; *domain; domain++)
    g_assert_true(kms_domain_check(*domain, NULL));
  for (const char *const *domain = bad; *domain; domain++)
    g_assert_false(kms_domain_check(*domain, NULL));
}

/* spec kms 4.5, vector 4: root CA key of vector 1, root k256 key 32 x 5e */
static void test_bootstrap_binding(void) {
  g_autoptr(GBytes) spki =
      hex_decode_prefixed("3059301306072a8648ce3d020106082a8648ce3d0301070342000491f50522407ce29dce3ed7d31a15"
                          "d80c1c42f13a23552d2b33a0ce09ee11e47bce95936f3e7f80d195f879e28e1b144ef37ac9ab8e36a6"
                          "90cbf930b775897b27",
                          NULL);
  guint8 k256[K256_PUBLIC_BYTES], report_data[64];
  g_assert_true(
      hex_decode_fixed("035f64993ccb4044a005e82ba07e78b2815a6a17aa7d5ad62fd59d519778072483", k256, sizeof k256, NULL));
  lifecycle_bootstrap_report_data(spki, k256, report_data);
  assert_hex(report_data, 32, "83ba7e89ff0fb9140a8b3d6024846f041e7c6cf709f2d047f061d9166f6988d4");
  g_autofree char *zeros = g_strnfill(64, '0');
  assert_hex(report_data + 32, 32, zeros);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/config/defaults", test_defaults);
  g_test_add_func("/kms/config/refused", test_refused);
  g_test_add_func("/kms/config/accepted", test_accepted);
  g_test_add_func("/kms/domain", test_domain);
  g_test_add_func("/kms/bootstrap-binding", test_bootstrap_binding);
  return g_test_run();
}
