/* Starting, ending and being killed: what a KMS in three processes does with its keys. */
#include "harness.h"

#include "base/file.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KILL_ROUNDS 25
#define LONGEST_LIFE_US 120000
#define END_SECONDS 10

static char *read_file(Kms *kms, const char *name) {
  g_autofree char *path = g_build_filename(kms->cert_dir, name, NULL);
  char *text = NULL;
  (void)g_file_get_contents(path, &text, NULL, NULL);
  return text;
}

static void wait_until_gone(pid_t pid) {
  for (gint64 end = g_get_monotonic_time() + END_SECONDS * G_USEC_PER_SEC; process_alive(pid);) {
    g_assert_cmpint(g_get_monotonic_time(), <, end);
    g_usleep(10000);
  }
}

static void assert_log_has(Kms *kms, const char *text) {
  g_autofree char *log = kms_log(kms);
  if (!strstr(log, text))
    g_error("\"%s\" is not in the log:\n%s", text, log);
}

static void fails_to_start(Kms *kms, const char *why) {
  kms_spawn(kms);
  int status = kms_wait(kms);
  g_assert_true(WIFEXITED(status));
  g_assert_cmpint(WEXITSTATUS(status), ==, 1);
  assert_log_has(kms, why);
}

static void test_comes_back(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  g_autofree char *key = read_file(kms, "root-ca.key");
  g_autofree char *ca = read_file(kms, "root-ca.crt");
  g_autofree char *rpc = read_file(kms, "rpc.crt");
  pid_t keyholder = kms_helper(kms, "dstack-kms-keyholder"), verifier = kms_helper(kms, "dstack-kms-verifier");
  kms_kill(kms);
  wait_until_gone(keyholder);
  wait_until_gone(verifier);
  kms_start(kms);
  g_autofree char *key_again = read_file(kms, "root-ca.key");
  g_autofree char *ca_again = read_file(kms, "root-ca.crt");
  g_autofree char *rpc_again = read_file(kms, "rpc.crt");
  g_assert_cmpstr(key, ==, key_again);
  g_assert_cmpstr(ca, ==, ca_again); /* not near its end */
  g_assert_cmpstr(rpc, !=, rpc_again);
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 1, 2, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(kms->url, platform, VM_CONFIG, kms->verifier, NULL);
  g_assert_nonnull(keys);
}

static void one_dies(const char *name) {
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  pid_t keyholder = kms_helper(kms, "dstack-kms-keyholder"), verifier = kms_helper(kms, "dstack-kms-verifier");
  g_assert_cmpint(kill(kms_helper(kms, name), SIGKILL), ==, 0);
  int status = kms_wait(kms);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
  wait_until_gone(keyholder);
  wait_until_gone(verifier);
}

static void test_verifier_dies(void) { one_dies("dstack-kms-verifier"); }
static void test_keyholder_dies(void) { one_dies("dstack-kms-keyholder"); }

static void test_terminates(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  pid_t keyholder = kms_helper(kms, "dstack-kms-keyholder"), verifier = kms_helper(kms, "dstack-kms-verifier");
  g_assert_cmpint(kill(kms->pid, SIGTERM), ==, 0);
  g_assert_cmpint(kms_wait(kms), ==, 0);
  wait_until_gone(keyholder);
  wait_until_gone(verifier);
}

/* Killed at random instants of its first start: there is a whole set of keys afterwards or none, and once there is one
 * it is never replaced. */
static void test_killed_while_bootstrapping(void) {
  for (guint round = 0; round < KILL_ROUNDS; round++) {
    g_autoptr(Kms) kms = kms_new();
    g_autofree char *key_before = NULL;
    for (guint attempt = 0; attempt < 3; attempt++) {
      kms_spawn(kms);
      g_usleep((gulong)g_test_rand_int_range(1000, LONGEST_LIFE_US));
      /* The key holder is the one that writes; take it together with the front. */
      g_autofree char *children = NULL;
      g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", kms->pid, kms->pid);
      (void)g_file_get_contents(path, &children, NULL, NULL);
      g_auto(GStrv) pids = g_strsplit(children ? g_strstrip(children) : "", " ", -1);
      (void)kill(kms->pid, SIGKILL);
      for (char **pid = pids; *pid && **pid; pid++)
        (void)kill((pid_t)g_ascii_strtoll(*pid, NULL, 10), SIGKILL);
      (void)kms_wait(kms);
      for (char **pid = pids; *pid && **pid; pid++)
        wait_until_gone((pid_t)g_ascii_strtoll(*pid, NULL, 10));
      g_autofree char *key = read_file(kms, "root-ca.key");
      g_assert_true(!key_before || g_strcmp0(key, key_before) == 0);
      if (key && !key_before)
        key_before = g_steal_pointer(&key);
    }
    kms_start(kms);
    g_autofree char *key = read_file(kms, "root-ca.key");
    g_assert_true(!key_before || g_strcmp0(key, key_before) == 0);
    g_autoptr(RootKeys) whole = key_files_load(kms->cert_dir, NULL);
    g_assert_nonnull(whole);
  }
}

static void test_never_replaces_keys(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  kms_kill(kms);
  g_autofree char *before = read_file(kms, "root-k256.key");
  g_autofree char *path = g_build_filename(kms->cert_dir, "rpc.crt", NULL);
  g_assert_cmpint(g_unlink(path), ==, 0);
  fails_to_start(kms, "missing in ");
  assert_log_has(kms, "root keys exist and are never replaced");
  g_autofree char *after = read_file(kms, "root-k256.key");
  g_assert_cmpint(memcmp(before, after, 32), ==, 0);
}

/* Without a name there is no certificate that anybody could check: the one that is there stays. */
static void test_lost_its_name(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_start(kms);
  kms_kill(kms);
  g_autofree char *before = read_file(kms, "rpc.crt");
  g_autofree char *path = g_build_filename(kms->cert_dir, "rpc-domain", NULL);
  kms_configure(kms, "enabled = true", NULL, NULL);
  static const char *const names[] = {NULL, "", "a b", "x.example\n[ca]"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_assert_true(names[i] ? g_file_set_contents(path, names[i], -1, NULL) : g_unlink(path) == 0);
    fails_to_start(kms, "this kms's own name");
    g_autofree char *after = read_file(kms, "rpc.crt");
    g_assert_cmpstr(after, ==, before);
  }
}

static void test_needs_an_agent(void) {
  g_autoptr(Kms) kms = kms_new();
  g_free(kms->agent_address);
  kms->agent_address = g_strdup_printf("unix:%s/nobody.sock", kms->dir);
  fails_to_start(kms, "failed to get a quote from the guest agent");
  g_autofree char *key = read_file(kms, "root-ca.key");
  g_assert_null(key);
  kms_configure(kms, "auto_bootstrap_domain = \"127.0.0.1\"\nquote_enabled = false", NULL, NULL);
  kms_start(kms);
  assert_log_has(kms, "the KMS's own certificate carries no evidence");
}

static void test_refused_configuration(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_configure(kms, NULL, "type = \"none\"", NULL);
  fails_to_start(kms, "core.auth_api.type: expected");
  kms_configure(kms, "enabled = false", NULL, NULL);
  fails_to_start(kms, "onboarding is disabled");
}

static void test_dev_mode(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_configure(kms, NULL, "type = \"dev\"\ndev.gateway_app_id = \"dev-gateway\"", NULL);
  kms_start(kms);
  assert_log_has(kms, "DEVELOPMENT ONLY: auth_api type");
  g_atomic_int_set(&kms->hook.mode, HOOK_DENY);
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 1, 2, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(kms->url, platform, VM_CONFIG, kms->verifier, NULL);
  g_assert_nonnull(keys);
  g_assert_cmpstr(keys->gateway_app_id, ==, "dev-gateway");
  /* Without evidence there is nothing, also here. */
  g_autoptr(PrpcClient) client = kms_client(kms, NULL, NULL);
  g_autoptr(PrpcMessage) refused =
      prpc_client_call(client, "GetAppKey", NULL, &kms__app_key_response__descriptor, NULL);
  g_assert_null(refused);
}

static void public_method(Kms *kms, const char *method, const ProtobufCMessage *request,
                          const ProtobufCMessageDescriptor *type, const char *refusal) {
  g_autoptr(PrpcClient) client = kms_client(kms, NULL, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer = prpc_client_call(client, method, request, type, &error);
  g_assert_true((answer != NULL) == (refusal == NULL));
  if (refusal && !strstr(error->message, refusal))
    g_error("expected \"%s\", got \"%s\"", refusal, error->message);
}

static void public_methods(Kms *kms, const char *refusal) {
  Kms__AppId app = KMS__APP_ID__INIT;
  guint8 app_id[20] = {1};
  app.app_id = (ProtobufCBinaryData){sizeof app_id, app_id};
  public_method(kms, "GetTempCaCert", NULL, &kms__get_temp_ca_cert_response__descriptor, refusal);
  public_method(kms, "GetAppEnvEncryptPubKey", &app.base, &kms__public_key_response__descriptor, refusal);
  public_method(kms, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
}

/* A KMS that its own webhook no longer allows says nothing more, and never makes keys. */
static void test_self_authorization(void) {
  static const char refusal[] = "kms self authorization failed: boot denied";
  g_autoptr(Kms) kms = kms_new();
  kms->self_authorization = TRUE;
  kms_configure(kms, NULL, NULL, NULL);
  g_atomic_int_set(&kms->hook.mode, HOOK_DENY);
  fails_to_start(kms, refusal);
  g_autofree char *key = read_file(kms, "root-ca.key");
  g_assert_null(key);
  g_atomic_int_set(&kms->hook.mode, HOOK_ALLOW);
  kms_start(kms);
  public_methods(kms, NULL);
  g_assert_cmpstr(kms->hook.last_path, ==, "/bootAuth/kms");
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 1, 2, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(kms->url, platform, VM_CONFIG, kms->verifier, NULL);
  g_assert_nonnull(keys);
  g_autoptr(PrpcClient) client = kms_attested_client(kms, platform);
  g_atomic_int_set(&kms->hook.mode, HOOK_DENY);
  public_methods(kms, refusal);
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) refused =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, &error);
  g_assert_null(refused);
  g_assert_nonnull(strstr(error->message, refusal));
}

static void test_self_authorization_without_agent(void) {
  g_autoptr(Kms) kms = kms_new();
  g_free(kms->agent_address);
  kms->agent_address = g_strdup_printf("unix:%s/nobody.sock", kms->dir);
  kms->self_authorization = TRUE;
  kms_configure(kms, "auto_bootstrap_domain = \"127.0.0.1\"\nquote_enabled = false", NULL, NULL);
  fails_to_start(kms, "core.enforce_self_authorization needs evidence about this kms");
  kms->self_authorization = FALSE;
  kms_configure(kms, "auto_bootstrap_domain = \"127.0.0.1\"\nquote_enabled = false", NULL, NULL);
  kms_start(kms);
  assert_log_has(kms, "core.enforce_self_authorization is false");
}

static int http(Kms *kms, const char *verb, const char *path, const char *type, const char *body, char **answer) {
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", kms->port);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  int status = 0;
  g_autoptr(GBytes) bytes =
      prpc_client_http(client, verb, path, type, body, body ? strlen(body) : 0, 1 << 20, &status, NULL);
  if (answer)
    *answer = bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : g_strdup("");
  return bytes ? status : 0;
}

static void wait_for_onboarding(Kms *kms) {
  for (gint64 end = g_get_monotonic_time() + END_SECONDS * G_USEC_PER_SEC;
       http(kms, "GET", "/health", NULL, NULL, NULL) != 200; g_usleep(20000))
    g_assert_cmpint(g_get_monotonic_time(), <, end);
}

/* The audit log was begun by a process that could no longer open it for its reader. */
static void assert_audit_readable(guint16 admin_port) {
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", admin_port);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  int status = 0;
  g_autoptr(GBytes) lines = prpc_client_http(client, "GET", "/audit", NULL, NULL, 0, 1 << 20, &status, NULL);
  g_assert_cmpint(status, ==, 200);
  g_assert_true(g_str_has_prefix(g_bytes_get_data(lines, NULL), "{\"seq\":1,"));
}

static void test_onboarding(void) {
  g_autoptr(Kms) kms = kms_new();
  guint16 admin_port = free_port();
  g_autofree char *onboard = g_strdup_printf("address = \"127.0.0.1\"\nport = %u", kms->port);
  g_autofree char *admin =
      g_strdup_printf("[core.admin]\nenabled = true\nport = %u\ninsecure_no_auth = true\n", admin_port);
  kms_configure(kms, onboard, NULL, admin);
  kms_spawn(kms);
  wait_for_onboarding(kms);
  static const char path[] = "/prpc/Onboard.Bootstrap?json", json[] = "application/json";
  g_assert_cmpint(http(kms, "GET", "/finish", NULL, NULL, NULL), ==, 400); /* too early */
  g_assert_cmpint(http(kms, "GET", "/prpc/Bootstrap?domain=127.0.0.1", NULL, NULL, NULL), ==, 400);
  g_assert_cmpint(http(kms, "POST", path, "text/plain", "{\"domain\":\"127.0.0.1\"}", NULL), ==, 400);
  g_assert_cmpint(http(kms, "POST", path, json, "{\"domain\":\"not a domain\"}", NULL), ==, 400);
  g_autofree char *info = NULL, *again = NULL;
  g_assert_cmpint(http(kms, "POST", path, json, "{\"domain\":\"127.0.0.1\"}", &info), ==, 200);
  g_assert_true(g_str_has_prefix(info, "{\"ca_pubkey\":\"3059"));
  g_assert_cmpint(http(kms, "POST", path, json, "{\"domain\":\"127.0.0.1\"}", &again), ==, 400);
  g_assert_nonnull(strstr(again, "already been bootstrapped"));
  g_autofree char *stored = read_file(kms, "bootstrap-info.json");
  g_assert_cmpstr(stored, ==, info);
  g_assert_cmpint(http(kms, "GET", "/finish", NULL, NULL, NULL), ==, 200);
  for (gint64 end = g_get_monotonic_time() + END_SECONDS * G_USEC_PER_SEC;; g_usleep(50000)) {
    g_autoptr(PrpcClient) client = kms_client(kms, NULL, NULL);
    g_autoptr(PrpcMessage) meta = prpc_client_call(client, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
    if (meta) {
      g_assert_nonnull(((const Kms__GetMetaResponse *)meta)->bootstrap_info);
      break;
    }
    g_assert_cmpint(g_get_monotonic_time(), <, end);
  }
  assert_audit_readable(admin_port);
}

static void test_onboarding_token(void) {
  g_autoptr(Kms) kms = kms_new();
  g_autofree char *onboard = g_strdup_printf("address = \"127.0.0.1\"\nport = %u\ntoken = \"right\"", kms->port);
  static const char path[] = "/prpc/Onboard.Bootstrap?json", json[] = "application/json", body[] = "{\"domain\":\"127.0.0.1\"}";
  kms_configure(kms, onboard, NULL, NULL);
  kms_spawn(kms);
  wait_for_onboarding(kms);
  g_assert_cmpint(http(kms, "POST", path, json, body, NULL), ==, 401);
  g_assert_cmpint(http(kms, "GET", "/finish", NULL, NULL, NULL), ==, 401);
  g_assert_cmpint(http(kms, "POST", path, "application/json\r\nAuthorization: Bearer wrong", body, NULL), ==, 401);
  g_assert_cmpint(http(kms, "POST", path, "application/json\r\nAuthorization: Bearer right", body, NULL), ==, 200);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/lifecycle/comes-back", test_comes_back);
  g_test_add_func("/kms/lifecycle/verifier-dies", test_verifier_dies);
  g_test_add_func("/kms/lifecycle/keyholder-dies", test_keyholder_dies);
  g_test_add_func("/kms/lifecycle/terminates", test_terminates);
  g_test_add_func("/kms/lifecycle/killed-while-bootstrapping", test_killed_while_bootstrapping);
  g_test_add_func("/kms/lifecycle/never-replaces-keys", test_never_replaces_keys);
  g_test_add_func("/kms/lifecycle/lost-its-name", test_lost_its_name);
  g_test_add_func("/kms/lifecycle/needs-an-agent", test_needs_an_agent);
  g_test_add_func("/kms/lifecycle/refused-configuration", test_refused_configuration);
  g_test_add_func("/kms/lifecycle/dev-mode", test_dev_mode);
  g_test_add_func("/kms/lifecycle/self-authorization", test_self_authorization);
  g_test_add_func("/kms/lifecycle/self-authorization-without-agent", test_self_authorization_without_agent);
  g_test_add_func("/kms/lifecycle/onboarding", test_onboarding);
  g_test_add_func("/kms/lifecycle/onboarding-token", test_onboarding_token);
  return g_test_run();
}
