/* Tests of the verifier's own parts: configuration and its layers, the forms of a quote file, requests. */
#include "base/error.h"
#include "base/file.h"
#include "verifier/config.h"
#include "verifier/quote_file.h"
#include "verifier/request.h"

#include <string.h>
#include <unistd.h>

static char *write_file(const char *dir, const char *content, gssize len) {
  char *path = g_build_filename(dir, "file.toml", NULL);
  g_assert_true(g_file_set_contents(path, content, len, NULL));
  return path;
}

static void test_config(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-verifier-XXXXXX", NULL);
  g_autofree char *path = write_file(dir,
                                     "port = 9\npccs_url = \"https://a.example\"\n[attestation]\n"
                                     "collateral_file = \" \"\nroot_ca.tdx = \"r.pem\"\n",
                                     -1);
  g_autofree char *own_cache = g_build_filename(g_get_user_cache_dir(), "dstack-verifier", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(VerifierConfig) config = verifier_config_load(path, &error);
  g_assert_no_error(error);
  g_autofree char *collateral_cache = g_build_filename(config->image_cache_dir, "collateral", NULL);
  g_assert_cmpstr(config->listen, ==, "0.0.0.0:9");
  g_assert_cmpstr(config->image_cache_dir, ==, geteuid() == 0 ? "/var/cache/dstack-verifier" : own_cache);
  g_assert_cmpstr(config->collateral_cache_dir, ==, collateral_cache);
  g_assert_cmpstr(config->pccs_url, ==, "https://a.example");
  g_assert_cmpstr(config->root_ca_tdx, ==, "r.pem");
  g_assert_null(config->collateral_file); /* blank is unset */
  g_assert_false(config->allow_external_root);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_environment(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-verifier-XXXXXX", NULL);
  g_autofree char *path = write_file(dir, "address = \"127.0.0.1\"\nport = 9\n", -1);
  g_setenv("DSTACK_VERIFIER_ADDRESS", "::1", TRUE);
  g_setenv("DSTACK_VERIFIER_PORT", "8081", TRUE);
  g_setenv("DSTACK_VERIFIER_ATTESTATION__ROOT_CA__TDX", "/r.pem", TRUE);
  g_setenv("DSTACK_VERIFIER_ATTESTATION__INSECURE_ALLOW_EXTERNAL_TRUST_ANCHORS", "true", TRUE);
  g_autoptr(VerifierConfig) config = verifier_config_load(path, NULL);
  g_assert_nonnull(config);
  g_assert_cmpstr(config->listen, ==, "[::1]:8081");
  g_assert_cmpstr(config->root_ca_tdx, ==, "/r.pem");
  g_assert_true(config->allow_external_root);
  g_setenv("DSTACK_VERIFIER_ATTESTATION__INSECURE_ALLOW_EXTERNAL_TRUST_ANCHORS", "yes", TRUE);
  g_assert_null(verifier_config_load(path, NULL));
  g_unsetenv("DSTACK_VERIFIER_ATTESTATION__INSECURE_ALLOW_EXTERNAL_TRUST_ANCHORS");
  g_setenv("DSTACK_VERIFIER_PORT", "70000", TRUE);
  g_assert_null(verifier_config_load(path, NULL));
  g_unsetenv("DSTACK_VERIFIER_PORT");
  g_unsetenv("DSTACK_VERIFIER_ADDRESS");
  g_unsetenv("DSTACK_VERIFIER_ATTESTATION__ROOT_CA__TDX");
  g_assert_true(file_remove_tree(dir, NULL));
}

static void assert_quote(const char *dir, const char *content, gssize len, gboolean force_hex, const char *expected) {
  g_autofree char *path = write_file(dir, content, len);
  g_autoptr(GBytes) quote = quote_file_read(path, force_hex, NULL);
  g_assert_cmpint(quote != NULL, ==, expected != NULL);
  if (quote)
    g_assert_cmpmem(g_bytes_get_data(quote, NULL), g_bytes_get_size(quote), expected, strlen(expected));
}

static void test_quote_file(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-verifier-XXXXXX", NULL);
  assert_quote(dir, "6162\n", -1, FALSE, "ab");
  assert_quote(dir, "0x6162", -1, TRUE, "ab");
  assert_quote(dir, " {\"quote\": \"6162\"}", -1, FALSE, "ab");
  assert_quote(dir, "\x04\x01\x02", 3, FALSE, "\x04\x01\x02");
  assert_quote(dir, "0X6162", -1, FALSE, "ab");
  assert_quote(dir, "0x61\n62 63\r\n", -1, FALSE, "abc"); /* as hex dumps break their lines */
  assert_quote(dir, "61\n62\n", -1, TRUE, "ab");
  assert_quote(dir, "not a quote", -1, FALSE, NULL);
  assert_quote(dir, "616", -1, FALSE, NULL);
  assert_quote(dir, "zz", -1, TRUE, NULL);
  assert_quote(dir, "\x04\xff", 2, TRUE, NULL);
  assert_quote(dir, "{\"quote\": 1}", -1, FALSE, NULL);
  assert_quote(dir, "{", -1, FALSE, NULL);
  g_assert_true(file_remove_tree(dir, NULL));
}

static RequestStatus parse(const char *body) {
  g_auto(VerifyRequest) request = {0};
  g_autoptr(GError) error = NULL;
  RequestStatus status = verify_request_parse(body, strlen(body), &request, &error);
  g_assert_cmpint(status == REQUEST_OK, ==, error == NULL);
  return status;
}

static void test_requests(void) {
  g_assert_cmpint(parse("{\"quote\":\"\",\"event_log\":\"\",\"vm_config\":\"\",\"pccs_url\":1,\"x\":[]}"), ==,
                  REQUEST_OK);
  g_assert_cmpint(parse("{\"attestation\":\"00\"}"), ==, REQUEST_OK);
  g_assert_cmpint(parse("{\"quote\":\"\",\"event_log\":\"\",\"vm_config\":{}}"), ==, REQUEST_ILL_TYPED);
  g_assert_cmpint(parse("{\"quote\":\"\"}"), ==, REQUEST_ILL_TYPED);
  g_assert_cmpint(parse("null"), ==, REQUEST_ILL_TYPED);
  g_assert_cmpint(parse("{\"quote\":"), ==, REQUEST_NOT_JSON);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/verifier/config", test_config);
  g_test_add_func("/verifier/environment", test_environment);
  g_test_add_func("/verifier/quote-file", test_quote_file);
  g_test_add_func("/verifier/requests", test_requests);
  return g_test_run();
}
