/* The simulator with a real KMS: a developer's host gets keys and certificates the way a CVM does. */
#include "appkeys/appkeys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "cvm/boot_events.h"
#include "prpc/client.h"
#include "ratls/evidence.h"
#include "sdk/simulator/tee.h"

#include "guest_agent.pb-c.h"
#include "kms.pb-c.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TIMEOUT_MS 20000
#define GATEWAY_APP_ID "aabbccddeeff00112233aabbccddeeff00112233"

extern char **environ;

static char *work_dir;
static guint16 kms_port;
static pid_t kms_pid, simulator_pid;

static guint16 free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
  g_assert_cmpint(close(fd), ==, 0);
  return ntohs(address.sin_port);
}

static void put(const char *name, const char *text) {
  g_autofree char *path = g_build_filename(work_dir, name, NULL);
  g_assert_true(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static void copy_fixture(const char *name) {
  g_autofree char *from = g_build_filename(g_getenv("DSTACK_SIMULATOR_FIXTURES"), name, NULL);
  g_autofree char *text = file_read_text(from, 1 << 20, NULL);
  put(name, text);
}

static void write_kms_config(void) {
  g_autofree char *text =
      g_strdup_printf("[rpc]\naddress = \"127.0.0.1\"\nport = %u\n"
                      "[core]\ncert_dir = \"%s/certs\"\nattest_rpc_cert = false\n"
                      "[core.image]\nverify = false\ncache_dir = \"%s\"\n"
                      "[core.auth_api]\ntype = \"dev\"\n"
                      "[core.auth_api.dev]\ngateway_app_id = \"" GATEWAY_APP_ID "\"\n"
                      "[core.onboard]\nquote_enabled = false\nauto_bootstrap_domain = \"127.0.0.1\"\n"
                      "[core.attestation]\ninsecure_allow_external_trust_anchors = true\n"
                      "root_ca.tdx = \"%s/anchors/root.pem\"\n"
                      "collateral_file = \"%s/anchors/collateral.json\"\n",
                      kms_port, work_dir, work_dir, work_dir, work_dir);
  put("kms.toml", text);
}

static pid_t start(const char *program, const char *option, const char *value) {
  char *argv[] = {(char *)program, (char *)option, (char *)value, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  g_assert_cmpint(posix_spawn_file_actions_addchdir_np(&actions, work_dir), ==, 0);
  pid_t pid;
  g_assert_cmpint(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), ==, 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

static int stop(pid_t pid) {
  int status;
  g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  return status;
}

static gboolean connects(void) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(kms_port)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gboolean connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  g_assert_cmpint(close(fd), ==, 0);
  return connected;
}

static ProtobufCMessage *ask(const char *method, const PrpcMessage *request, const ProtobufCMessageDescriptor *type,
                             GError **error) {
  g_autofree char *url = g_strdup_printf("unix:%s/dstack.sock", work_dir);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  return prpc_client_call(client, method, request, type, error);
}

static gboolean serves(void) {
  g_autoptr(PrpcMessage) answer = ask("Version", NULL, &dstack_guest__worker_version__descriptor, NULL);
  return answer != NULL;
}

static void wait_for(gboolean (*ready)(void), pid_t pid) {
  for (guint waited = 0; waited < START_TIMEOUT_MS; waited += 50) {
    if (ready())
      return;
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, 0);
    g_usleep(50000);
  }
  g_error("not ready in time");
}

/* The trust anchors must be there before the KMS starts: made from the seed that the simulator will read. */
static void make_anchors(void) {
  g_autofree char *seed = g_build_filename(work_dir, "seed.hex", NULL);
  g_autofree char *anchors = g_build_filename(work_dir, "anchors", NULL);
  SimulatorConfig config = {.seed_file = seed};
  g_autoptr(GError) error = NULL;
  g_autoptr(SimulatedPki) pki = tee_pki(&config, &error);
  g_assert_no_error(error);
  g_assert_true(tee_write_anchors(pki, anchors, &error));
}

static char *key_of_path(void) {
  DstackGuest__GetKeyArgs args = DSTACK_GUEST__GET_KEY_ARGS__INIT;
  g_autoptr(PrpcMessage) message = ask("GetKey", &args.base, &dstack_guest__get_key_response__descriptor, NULL);
  const DstackGuest__GetKeyResponse *answer = (const DstackGuest__GetKeyResponse *)message;
  g_assert_cmpuint(answer->signature_chain[1].len, ==, 65); /* the KMS's word for the app key */
  return hex_encode(answer->key.data, answer->key.len);
}

static void test_keys(void) {
  g_autofree char *path = g_build_filename(work_dir, "appkeys.json", NULL);
  struct stat state;
  g_assert_cmpint(stat(path, &state), ==, 0);
  g_assert_cmpuint(state.st_mode & 0777, ==, 0600);
  g_autoptr(AppKeys) keys = app_keys_load(path, NULL);
  g_assert_cmpint(keys->kind, ==, KEY_PROVIDER_KMS);
  g_assert_cmpstr(keys->gateway_app_id, ==, GATEWAY_APP_ID);
  g_autofree char *key = key_of_path();
  g_assert_cmpuint(strlen(key), ==, 64);
}

static void test_events(void) {
  static const char *const names[] = {"system-preparing", "app-id",        "compose-hash", "instance-id",
                                      "boot-mr-done",     "os-image-hash", "key-provider", "system-ready"};
  DstackGuest__RawQuoteArgs args = DSTACK_GUEST__RAW_QUOTE_ARGS__INIT;
  g_autoptr(PrpcMessage) message = ask("GetQuote", &args.base, &dstack_guest__get_quote_response__descriptor, NULL);
  const char *text = ((const DstackGuest__GetQuoteResponse *)message)->event_log;
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(text, strlen(text), NULL);
  guint next = 0;
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = log->pdata[i];
    if (event->imr == TDX_RUNTIME_RTMR)
      g_assert_cmpstr(event->name, ==, names[next++]);
  }
  g_assert_cmpuint(next, ==, G_N_ELEMENTS(names));
}

static void test_certificate(void) {
  DstackGuest__GetTlsKeyArgs args = DSTACK_GUEST__GET_TLS_KEY_ARGS__INIT;
  char *names[] = {(char *)"127.0.0.1"};
  args.subject = (char *)"gateway";
  args.alt_names = names;
  args.n_alt_names = 1;
  args.usage_ra_tls = args.usage_server_auth = args.usage_client_auth = TRUE;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message =
      ask("GetTlsKey", &args.base, &dstack_guest__get_tls_key_response__descriptor, &error);
  g_assert_no_error(error);
  const DstackGuest__GetTlsKeyResponse *answer = (const DstackGuest__GetTlsKeyResponse *)message;
  g_autoptr(X509) leaf = cert_from_pem(answer->certificate_chain[0], strlen(answer->certificate_chain[0]), NULL);
  g_autoptr(GBytes) app_id = NULL;
  g_assert_true(ratls_cert_app_id(leaf, &app_id, NULL));
  g_assert_cmpuint(g_bytes_get_size(app_id), ==, 20);
}

/* Keys depend on the app, not on when it asks: power off, lose the key file, boot again. */
static void test_boots_again(void) {
  g_autofree char *before = key_of_path();
  g_autofree char *path = g_build_filename(work_dir, "appkeys.json", NULL);
  stop(simulator_pid);
  g_assert_cmpint(g_unlink(path), ==, 0);
  simulator_pid = start(g_getenv("DSTACK_SIMULATOR"), NULL, NULL);
  wait_for(serves, simulator_pid);
  g_autofree char *after = key_of_path();
  g_assert_cmpstr(before, ==, after);
  test_events();
}

/* Without its KMS it does not start with half of a boot. */
static void test_without_kms(void) {
  g_autofree char *path = g_build_filename(work_dir, "appkeys.json", NULL);
  stop(simulator_pid);
  stop(kms_pid);
  g_assert_cmpint(g_unlink(path), ==, 0);
  int status;
  pid_t pid = start(g_getenv("DSTACK_SIMULATOR"), NULL, NULL);
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  work_dir = g_dir_make_tmp("dstack-sim-kms-XXXXXX", NULL);
  g_assert_cmpint(g_chmod(work_dir, 0755), ==, 0); /* the KMS's verifier is another user */
  kms_port = free_port();
  copy_fixture("app-compose.json");
  copy_fixture("sys-config.json");
  g_autofree char *overlay =
      g_strdup_printf("[default.core.simulator]\nkms_url = \"https://127.0.0.1:%u\"\n", kms_port);
  put("dstack.toml", overlay);
  write_kms_config();
  make_anchors();
  kms_pid = start(g_getenv("DSTACK_KMS"), "-c", "kms.toml");
  wait_for(connects, kms_pid);
  simulator_pid = start(g_getenv("DSTACK_SIMULATOR"), NULL, NULL);
  wait_for(serves, simulator_pid);
  g_test_add_func("/simulator-kms/keys", test_keys);
  g_test_add_func("/simulator-kms/events", test_events);
  g_test_add_func("/simulator-kms/certificate", test_certificate);
  g_test_add_func("/simulator-kms/boots-again", test_boots_again);
  g_test_add_func("/simulator-kms/without-kms", test_without_kms); /* last: it ends both */
  int status = g_test_run();
  g_assert_true(file_remove_tree(work_dir, NULL));
  g_free(work_dir);
  return status;
}
