/* The whole chain: an attested client, a KMS in its processes, dstack-auth-eth, the contracts on anvil, governed by the
 * CLI. The client gets keys only after everything about it was allowed; each thing that is missing is refused with the
 * contract's own reason. */
#include "harness.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/process.h"
#include "kms.pb-c.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* An account that every anvil has. */
#define OWNER_KEY "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
#define START_SECONDS 60
#define CACHE_SECONDS 2

typedef struct {
  Kms *kms;
  char *key_file;
  GPid node, webhook;
  char *webhook_url;
  guint8 app_id[20];
  char *app;
  /* What the KMS proved about the client, as it says it to a webhook. */
  char *image, *compose, *device;
  char *kms_mr; /* of a KMS */
} World;

static World world;

static GPid spawn(const char *const *argv) {
  GPid pid;
  g_autoptr(GError) error = NULL;
  g_spawn_async(world.kms->dir, (char **)argv, NULL,
                G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &pid,
                &error);
  g_assert_no_error(error);
  return pid;
}

static void end(GPid pid) {
  int status;
  g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
}

static void wait_until_up(const char *url) {
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  for (gint64 until = g_get_monotonic_time() + START_SECONDS * G_USEC_PER_SEC;;) {
    int status;
    g_autoptr(GBytes) answer = prpc_client_http(client, "GET", "", NULL, NULL, 0, 1024 * 1024, &status, NULL);
    if (answer)
      return;
    g_assert_cmpint(g_get_monotonic_time(), <, until);
    g_usleep(50000);
  }
}

/* Runs `dstack WORDS... --key-file F --yes`; returns its standard output. */
static char *dstack(const char *first, ...) {
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (gpointer)g_getenv("DSTACK_PROGRAM"));
  va_list words;
  va_start(words, first);
  for (const char *word = first; word; word = va_arg(words, const char *))
    g_ptr_array_add(argv, (gpointer)word);
  va_end(words);
  const char *const last[] = {"--key-file", world.key_file, "--yes", NULL};
  for (guint i = 0; i < G_N_ELEMENTS(last); i++)
    g_ptr_array_add(argv, (gpointer)last[i]);
  char *output = NULL;
  g_autoptr(GError) error = NULL;
  process_check((const char *const *)argv->pdata, &output, &error);
  g_assert_no_error(error);
  return output;
}

static char *member_of(const char *json, const char *key) {
  g_autoptr(json_t) object = json_parse(json, strlen(json), "answer", NULL);
  const char *text = json_string_value(json_object_get(object, key));
  g_assert_nonnull(text);
  return g_strdup(text);
}

static void start_node(void) {
  g_autofree char *port = g_strdup_printf("%u", free_port());
  g_autofree char *url = g_strconcat("http://127.0.0.1:", port, NULL);
  world.node = spawn((const char *const[]){g_getenv("ANVIL_PROGRAM"), "--silent", "--port", port, NULL});
  wait_until_up(url);
  g_setenv("ETH_RPC_URL", url, TRUE);
  world.key_file = g_build_filename(world.kms->dir, "owner.key", NULL);
  g_assert_true(g_file_set_contents(world.key_file, OWNER_KEY "\n", -1, NULL));
}

static void deploy_contracts(void) {
  g_autofree char *deployed = dstack("--json", "kms", "deploy", NULL);
  g_autofree char *contract = member_of(deployed, "kmsContract");
  g_setenv("KMS_CONTRACT_ADDR", contract, TRUE);
  g_autofree char *created = dstack("--json", "kms", "create-app", NULL);
  world.app = member_of(created, "appId");
  g_assert_true(hex_decode_fixed(world.app, world.app_id, sizeof world.app_id, NULL));
}

static void start_webhook(void) {
  g_autofree char *port = g_strdup_printf("%u", free_port());
  g_autofree char *cache = g_strdup_printf("%d", CACHE_SECONDS);
  world.webhook_url = g_strconcat("http://127.0.0.1:", port, NULL);
  g_setenv("PORT", port, TRUE);
  g_setenv("AUTH_CACHE_SECONDS", cache, TRUE);
  world.webhook = spawn((const char *const[]){g_getenv("AUTH_ETH_PROGRAM"), NULL});
  wait_until_up(world.webhook_url);
}

static AppKeys *ask(const guint8 app_id[20], GError **error) {
  g_autoptr(TdxPlatform) platform = kms_client_platform_of(world.kms, app_id, 0xbb, GOOD_IMAGE);
  return app_keys_from_kms(world.kms->url, platform, VM_CONFIG, world.kms->verifier, error);
}

static void assert_root_keys_refused(KmsReportChange change_report, const char *reason) {
  g_autoptr(TdxPlatform) platform = kms_replica_platform(world.kms, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = change_report ? kms_altered_client(world.kms, platform, change_report)
                                               : kms_attested_client(world.kms, platform);
  Kms__GetKmsKeyRequest request = KMS__GET_KMS_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetKmsKey", &request.base, &kms__kms_key_response__descriptor, &error);
  g_assert_null(answer);
  if (!strstr(error->message, reason))
    g_error("expected \"%s\", got \"%s\"", reason, error->message);
}

/* What an allowed KMS is told when it does not say whom the keys shall be sealed to. */
#define ALLOWED_BUT_UNSEALED "core.onboard.plain_handover"

/* A first round with a webhook that notes what it is asked. */
static void learn_identity(void) {
  g_autoptr(AppKeys) keys = ask(world.app_id, NULL);
  g_assert_nonnull(keys);
  world.image = member_of(world.kms->hook.last_question, "osImageHash");
  world.compose = member_of(world.kms->hook.last_question, "composeHash");
  world.device = member_of(world.kms->hook.last_question, "deviceId");
  assert_root_keys_refused(NULL, ALLOWED_BUT_UNSEALED);
  world.kms_mr = member_of(world.kms->hook.last_question, "mrAggregated");
}

static void assert_refused(const guint8 app_id[20], const char *reason) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = ask(app_id, &error);
  g_assert_null(keys);
  if (!strstr(error->message, reason))
    g_error("expected \"%s\", got \"%s\"", reason, error->message);
}

static void wait_for_the_cache(void) { g_usleep((CACHE_SECONDS * 1000 + 200) * 1000); }

/* Makes a change and waits until no decision from before it is repeated. */
static void change(char *output) {
  g_free(output);
  wait_for_the_cache();
}

static void assert_allowed(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = ask(world.app_id, &error);
  g_assert_no_error(error);
  g_assert_nonnull(keys);
}

static void test_permissions(void) {
  guint8 stranger[20];
  memset(stranger, 0x77, sizeof stranger);
  assert_refused(stranger, "App not registered");
  assert_refused(world.app_id, "OS image is not allowed");
  change(dstack("kms", "add-image", world.image, NULL));
  assert_refused(world.app_id, "Compose hash not allowed");
  change(dstack("app", "add-hash", world.compose, "--app", world.app, NULL));
  assert_refused(world.app_id, "Device not allowed");
  change(dstack("app", "add-device", world.device, "--app", world.app, NULL));
  assert_allowed();
}

static void age(TdReport *report) { memcpy(report->tee_tcb_svn, (const guint8[16]){5, 0, 2}, 16); }

static ProtobufCMessage *ask_from_old_platform(GError **error) {
  g_autoptr(TdxPlatform) platform = kms_client_platform_of(world.kms, world.app_id, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_altered_client(world.kms, platform, age);
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  return prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, error);
}

/* A platform whose TCB is out of date: the contract says whether that matters. */
static void test_tcb(void) {
  g_autoptr(PrpcMessage) tolerated = ask_from_old_platform(NULL);
  g_assert_nonnull(tolerated);
  change(dstack("app", "require-tcb", "on", "--app", world.app, NULL));
  assert_allowed();
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) refused = ask_from_old_platform(&error);
  g_assert_null(refused);
  g_assert_nonnull(strstr(error->message, "TCB status is not up to date"));
  change(dstack("app", "require-tcb", "off", "--app", world.app, NULL));
  g_autoptr(PrpcMessage) again = ask_from_old_platform(NULL);
  g_assert_nonnull(again);
}

/* Another KMS, and the root keys. */
static void test_kms(void) {
  assert_root_keys_refused(NULL, "Aggregated MR not allowed");
  change(dstack("kms", "add-mr", world.kms_mr, NULL));
  assert_root_keys_refused(NULL, "KMS is not allowed to boot on this device");
  change(dstack("kms", "add-device", world.device, NULL));
  assert_root_keys_refused(NULL, ALLOWED_BUT_UNSEALED);
  assert_root_keys_refused(age, "TCB status is not up to date");
  change(dstack("kms", "remove-mr", world.kms_mr, NULL));
  assert_root_keys_refused(NULL, "Aggregated MR not allowed");
}

static void test_removal(void) {
  assert_allowed();
  g_autofree char *removed = dstack("app", "remove-hash", world.compose, "--app", world.app, NULL);
  wait_for_the_cache();
  assert_refused(world.app_id, "Compose hash not allowed");
  change(dstack("app", "add-hash", world.compose, "--app", world.app, NULL));
  change(dstack("app", "remove-device", world.device, "--app", world.app, NULL));
  assert_refused(world.app_id, "Device not allowed");
  change(dstack("app", "any-device", "on", "--app", world.app, NULL));
  assert_allowed();
  change(dstack("kms", "remove-image", world.image, NULL));
  assert_refused(world.app_id, "OS image is not allowed");
}

static void test_gateway(void) {
  static const char gateway[] = "0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08";
  change(dstack("kms", "add-image", world.image, NULL));
  change(dstack("kms", "set-gateway", gateway, NULL));
  g_autoptr(AppKeys) keys = ask(world.app_id, NULL);
  g_assert_nonnull(keys);
  g_assert_cmpstr(keys->gateway_app_id, ==, gateway);
}

static void test_lost_node(void) {
  assert_allowed();
  end(world.node);
  world.node = 0;
  wait_for_the_cache();
  assert_refused(world.app_id, "authorization backend unavailable");
}

static gboolean is_built(void) {
  static const char *const needed[] = {"ANVIL_PROGRAM", "CONTRACT_FILE"};
  for (guint i = 0; i < G_N_ELEMENTS(needed); i++)
    if (!g_file_test(g_getenv(needed[i]), G_FILE_TEST_EXISTS))
      return FALSE;
  return TRUE;
}

static void world_start(void) {
  world.kms = kms_new();
  start_node();
  deploy_contracts();
  kms_start(world.kms);
  learn_identity();
  kms_kill(world.kms);
  start_webhook();
  g_autofree char *auth =
      g_strdup_printf("type = \"webhook\"\n[core.auth_api.webhook]\nurl = \"%s\"\n", world.webhook_url);
  kms_configure(world.kms, NULL, auth, NULL);
  kms_start(world.kms);
}

static void world_end(void) {
  end(world.webhook);
  if (world.node)
    end(world.node);
  kms_free(world.kms);
  char *strings[] = {world.key_file, world.webhook_url, world.app, world.image, world.compose, world.device, world.kms_mr};
  for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
    g_free(strings[i]);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  if (!is_built()) {
    puts("1..0 # SKIP the contracts are not built: scripts/contracts");
    return 0;
  }
  world_start();
  g_test_add_func("/chain/permissions", test_permissions);
  g_test_add_func("/chain/tcb", test_tcb);
  g_test_add_func("/chain/kms", test_kms);
  g_test_add_func("/chain/removal", test_removal);
  g_test_add_func("/chain/gateway", test_gateway);
  g_test_add_func("/chain/lost-node", test_lost_node);
  int status = g_test_run();
  world_end();
  return status;
}
