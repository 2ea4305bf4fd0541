/* Tests of kms/auth: allow-lists, the development policies, settings, the cache. */
#include "kms/auth/allow_list.h"
#include "kms/auth/chain_config.h"
#include "kms/auth/decision_cache.h"
#include "kms/auth/mock.h"

#include "base/error.h"

#include <glib/gstdio.h>
#include <string.h>

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D64 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define E64 "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

static const char *no_advisories[] = {NULL};
static AuthQuestion question(void) {
  return (AuthQuestion){A40, A40, C64, D64, E64, "", B64, "UpToDate", (char **)no_advisories};
}

static json_t *policy_of(const char *text) {
  g_autoptr(GError) error = NULL;
  json_t *policy = json_parse(text, strlen(text), "policy", &error);
  g_assert_no_error(error);
  return policy;
}

static void assert_reason(const char *policy_text, AuthSubject subject, const AuthQuestion *asked, const char *reason) {
  g_autoptr(json_t) policy = policy_text ? policy_of(policy_text) : NULL;
  g_assert_true(!policy || allow_list_check(policy, NULL));
  g_auto(AuthDecision) decision = {0};
  allow_list_decide(policy, subject, asked, &decision);
  g_assert_cmpstr(decision.reason, ==, reason);
  g_assert_cmpint(decision.allowed, ==, *reason == 0);
}

#define IMAGES "\"osImages\":[\"0x" B64 "\"]"
#define APPS(rules) "{" IMAGES ",\"apps\":{\"0x" A40 "\":{" rules "}}}"
#define KMS(rules) "{" IMAGES ",\"kms\":{" rules "}}"

static void test_apps(void) {
  AuthQuestion asked = question();
  assert_reason(NULL, AUTH_APP, &asked, "OS image is not allowed");
  assert_reason("{}", AUTH_APP, &asked, "OS image is not allowed");
  assert_reason("{" IMAGES "}", AUTH_APP, &asked, "app not registered");
  assert_reason(APPS(""), AUTH_APP, &asked, "compose hash not allowed");
  assert_reason(APPS("\"composeHashes\":[\"" C64 "\"]"), AUTH_APP, &asked, "app is not allowed to boot on this device");
  assert_reason(APPS("\"composeHashes\":[\"" C64 "\"],\"devices\":[]"), AUTH_APP, &asked,
                "app is not allowed to boot on this device");
  assert_reason(APPS("\"composeHashes\":[\"" C64 "\"],\"devices\":[\"0x" D64 "\"]"), AUTH_APP, &asked, "");
  assert_reason(APPS("\"composeHashes\":[\"" C64 "\"],\"allowAnyDevice\":true"), AUTH_APP, &asked, "");
  assert_reason("{" IMAGES ",\"apps\":{\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\":{\"composeHashes\":[\"" C64
                "\"],\"allowAnyDevice\":true}}}",
                AUTH_APP, &asked, "");
}

static void test_kms(void) {
  AuthQuestion asked = question();
  assert_reason("{" IMAGES "}", AUTH_KMS, &asked, "aggregated MR not allowed");
  assert_reason(KMS("\"mrAggregated\":[\"" E64 "\"]"), AUTH_KMS, &asked, "KMS is not allowed to boot on this device");
  assert_reason(KMS("\"mrAggregated\":[\"" E64 "\"],\"devices\":[\"" D64 "\"]"), AUTH_KMS, &asked, "");
  assert_reason(KMS("\"mrAggregated\":[\"" E64 "\"],\"allowAnyDevice\":true"), AUTH_KMS, &asked, "");
}

static void test_platform(void) {
  AuthQuestion asked = question();
  const char *advisories[] = {"INTEL-SA-1", "INTEL-SA-2", NULL};
  asked.tcb_status = "OutOfDate";
  assert_reason("{}", AUTH_APP, &asked, "TCB status is not allowed");
  assert_reason("{\"allowedTcbStatuses\":[]}", AUTH_APP, &asked, "TCB status is not allowed");
  assert_reason("{\"allowedTcbStatuses\":[\"UpToDate\",\"OutOfDate\"]}", AUTH_APP, &asked, "OS image is not allowed");
  asked.tcb_status = "uptodate";
  assert_reason("{}", AUTH_APP, &asked, "TCB status is not allowed");
  asked.tcb_status = "UpToDate";
  assert_reason("{\"allowedTcbStatuses\":[]}", AUTH_APP, &asked, "TCB status is not allowed");
  asked.advisory_ids = (char **)advisories;
  assert_reason("{\"allowedAdvisoryIds\":[\"INTEL-SA-1\"]}", AUTH_APP, &asked, "advisory ID is not allowed");
  assert_reason("{\"allowedAdvisoryIds\":[\"INTEL-SA-2\",\"INTEL-SA-1\"]}", AUTH_APP, &asked,
                "OS image is not allowed");
}

/* A value that is not whole equals nothing, whatever the file says. */
static void test_short_values(void) {
  AuthQuestion asked = question();
  asked.os_image_hash = "";
  assert_reason("{" IMAGES "}", AUTH_APP, &asked, "OS image is not allowed");
  asked = question();
  asked.app_id = "";
  g_autoptr(json_t) policy = policy_of("{" IMAGES ",\"apps\":{\"0x\":{}}}");
  g_auto(AuthDecision) decision = {0};
  allow_list_decide(policy, AUTH_APP, &asked, &decision);
  g_assert_cmpstr(decision.reason, ==, "app not registered");
}

static void test_wrong_files(void) {
  static const char *const wrong[] = {
      "[]",
      "{\"osImages\":\"x\"}",
      "{\"osImages\":[\"0x\"]}",
      "{\"osImages\":[1]}",
      "{\"kms\":[]}",
      "{\"kms\":{\"devices\":{}}}",
      "{\"kms\":{\"allowAnyDevice\":1}}",
      "{\"kms\":{\"allowAnyDevice\":\"true\"}}",
      "{\"apps\":[]}",
      "{\"apps\":{\"x\":1}}",
      "{\"apps\":{\"x\":{\"composeHashes\":null}}}",
      "{\"chainId\":\"1\"}",
      "{\"chainId\":-1}",
      "{\"gatewayAppId\":1}",
      "{\"allowedTcbStatuses\":\"UpToDate\"}",
      "{\"allowedAdvisoryIds\":[null]}",
  };
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(json_t) policy = policy_of(wrong[i]);
    g_autoptr(GError) error = NULL;
    g_assert_false(allow_list_check(policy, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

static void assert_mock(AuthSubject subject, const char *policy, gboolean allowed, const char *reason) {
  g_setenv("MOCK_POLICY", policy, TRUE);
  g_autoptr(AuthEnvironment) environment = auth_environment_load("/nonexistent/.env", NULL);
  AuthBackend backend = mock_backend(environment);
  AuthQuestion asked = question();
  g_auto(AuthDecision) decision = {0};
  g_assert_true(backend.decide(backend.self, subject, &asked, &decision, NULL));
  g_assert_cmpint(decision.allowed, ==, allowed);
  g_assert_cmpstr(decision.reason, ==, reason);
  g_assert_cmpstr(decision.gateway_app_id, ==, allowed ? "0xmockgateway1234567890123456789012345678" : "");
}

static void test_mock(void) {
  assert_mock(AUTH_APP, "", TRUE, "mock app always allowed");
  assert_mock(AUTH_KMS, "allow-all", TRUE, "mock KMS always allowed");
  assert_mock(AUTH_KMS, "deny-kms", FALSE, "mock policy: deny-kms");
  assert_mock(AUTH_APP, "deny-kms", TRUE, "mock app allowed (deny-kms policy)");
  assert_mock(AUTH_APP, "deny-app", FALSE, "mock policy: deny-app");
  assert_mock(AUTH_KMS, "deny-app", TRUE, "mock KMS allowed (deny-app policy)");
  assert_mock(AUTH_APP, "deny-all", FALSE, "mock policy: deny-all");
  assert_mock(AUTH_APP, "mistyped", FALSE, "mock policy: deny-all");
  assert_mock(AUTH_APP, "allowlist-device", FALSE, "mock policy: allowlist-device with empty list");
  g_setenv("MOCK_ALLOWED_DEVICE_IDS", "0x" C64 ", 0x" D64, TRUE);
  assert_mock(AUTH_APP, "allowlist-device", TRUE, "mock policy: device " D64 " allowed");
  g_setenv("MOCK_ALLOWED_MR_AGGREGATED", C64, TRUE);
  assert_mock(AUTH_KMS, "allowlist-mr", FALSE, "mock policy: mrAggregated " E64 " not in allowlist");
}

static void write_env(const char *path, const char *text) { g_assert_true(g_file_set_contents(path, text, -1, NULL)); }

static void test_environment(void) {
  g_autofree char *dir = g_dir_make_tmp("auth-env-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, ".env", NULL);
  write_env(path, "# comment\n\nONE=1\nexport TWO = \"a b # c\"\nTHREE='x'\nFOUR=plain # comment\r\nEMPTY=\nPATH=no\n");
  g_autoptr(GError) error = NULL;
  g_autoptr(AuthEnvironment) environment = auth_environment_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(auth_environment_get(environment, "ONE", ""), ==, "1");
  g_assert_cmpstr(auth_environment_get(environment, "TWO", ""), ==, "a b # c");
  g_assert_cmpstr(auth_environment_get(environment, "THREE", ""), ==, "x");
  g_assert_cmpstr(auth_environment_get(environment, "FOUR", ""), ==, "plain");
  g_assert_cmpstr(auth_environment_get(environment, "EMPTY", "fallback"), ==, "fallback");
  g_assert_cmpstr(auth_environment_get(environment, "PATH", ""), ==, g_getenv("PATH"));
  write_env(path, "fine=1\nnonsense\n");
  g_assert_null(auth_environment_load(path, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, ":2: expected NAME=VALUE"));
  g_remove(path);
  g_rmdir(dir);
}

/* `settings` are pairs of name and value, ended by NULL. */
static ChainConfig *configure(const char *const *settings, GError **error) {
  static const char *const names[] = {"ETH_RPC_URL",       "KMS_CONTRACT_ADDR",          "ETH_CHAIN_ID",
                                      "ETH_BLOCK_TAG",     "ETH_FINALITY_CONFIRMATIONS", "ETH_RPC_QUORUM",
                                      "ETH_MAX_BLOCK_AGE", "AUTH_CACHE_SECONDS"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    g_unsetenv(names[i]);
  for (; *settings; settings += 2)
    g_setenv(settings[0], settings[1], TRUE);
  g_autoptr(AuthEnvironment) environment = auth_environment_load("/nonexistent/.env", NULL);
  return chain_config_new(environment, error);
}

static void test_chain_config(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(ChainConfig) plain = configure((const char *const[]){NULL}, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(plain->node_urls[0], ==, "http://localhost:8545");
  g_assert_cmpstr(plain->contract_text, ==, "0x0000000000000000000000000000000000000000");
  g_assert_cmpstr(plain->block_tag, ==, "latest");
  g_assert_cmpuint(plain->quorum, ==, 1);
  g_assert_cmpuint(plain->cache_seconds, ==, 0);
  g_autoptr(ChainConfig) full =
      configure((const char *const[]){"ETH_RPC_URL", "http://a, https://b/key", "ETH_CHAIN_ID", "1", "ETH_RPC_QUORUM",
                                      "2", "ETH_BLOCK_TAG", "finalized", "AUTH_CACHE_SECONDS", "5", NULL},
                &error);
  g_assert_no_error(error);
  g_assert_cmpstr(full->node_urls[1], ==, "https://b/key");
  g_assert_cmpuint(full->cache_seconds, ==, 5);
}

static void test_wrong_chain_config(void) {
  static const char *const wrong[][5] = {
      {"KMS_CONTRACT_ADDR", "0x12", NULL}, {"KMS_CONTRACT_ADDR", "0xEA549F02e1a25FaBD1CB788380e033eC5461b2fF", NULL},
      {"ETH_CHAIN_ID", "01", NULL},        {"ETH_CHAIN_ID", "-1", NULL},
      {"ETH_CHAIN_ID", "0x1", NULL},       {"ETH_RPC_URL", "http://a,http://b", NULL},
      {"ETH_RPC_QUORUM", "2", NULL},       {"ETH_RPC_QUORUM", "0", NULL},
      {"ETH_BLOCK_TAG", "pending", NULL},  {"ETH_BLOCK_TAG", "safe", "ETH_FINALITY_CONFIRMATIONS", "1", NULL},
      {"AUTH_CACHE_SECONDS", "61", NULL},  {"ETH_FINALITY_CONFIRMATIONS", "1.5", NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(configure(wrong[i], &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

static void test_cache(void) {
  g_autoptr(GBytes) one = g_bytes_new("1", 1), two = g_bytes_new("2", 1);
  const AuthDecision decision = {TRUE, "", "gateway"};
  DecisionCache *cache = decision_cache_new(1), *none = decision_cache_new(0);
  g_auto(AuthDecision) found = {0};
  decision_cache_put(none, one, &decision);
  g_assert_false(decision_cache_get(none, one, &found));
  decision_cache_put(cache, one, &decision);
  g_assert_false(decision_cache_get(cache, two, &found));
  g_assert_true(decision_cache_get(cache, one, &found));
  g_assert_cmpstr(found.gateway_app_id, ==, "gateway");
  auth_decision_clear(&found);
  g_usleep(1100 * 1000);
  g_assert_false(decision_cache_get(cache, one, &found));
  decision_cache_free(cache);
  decision_cache_free(none);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/auth/allow-list/apps", test_apps);
  g_test_add_func("/auth/allow-list/kms", test_kms);
  g_test_add_func("/auth/allow-list/platform", test_platform);
  g_test_add_func("/auth/allow-list/short-values", test_short_values);
  g_test_add_func("/auth/allow-list/wrong-files", test_wrong_files);
  g_test_add_func("/auth/mock", test_mock);
  g_test_add_func("/auth/environment", test_environment);
  g_test_add_func("/auth/chain-config/good", test_chain_config);
  g_test_add_func("/auth/chain-config/wrong", test_wrong_chain_config);
  g_test_add_func("/auth/cache", test_cache);
  return g_test_run();
}
