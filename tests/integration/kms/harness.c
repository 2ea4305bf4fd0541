#include "harness.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "guest_agent.pb-c.h"
#include "kms/keyholder/key_files.h"
#include "measure/measure.h"
#include "ratls/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_SECONDS 20

guint16 free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
  close(fd);
  return ntohs(address.sin_port);
}

/* ---- the webhook ---- */

static void reply_text(PrpcHttpRequest *request, int status, const char *text) {
  prpc_http_reply(request, status, "application/json", text, strlen(text), NULL);
}

static void answer_boot_auth(PrpcHttpRequest *request, gpointer user_data) {
  Hook *hook = user_data;
  g_atomic_int_inc(&hook->asked);
  GBytes *body = prpc_http_body(request);
  g_mutex_lock(&hook->lock);
  g_free(hook->last_path);
  hook->last_path = g_strdup(prpc_http_path(request));
  g_free(hook->last_question);
  hook->last_question = g_strndup(g_bytes_get_data(body, NULL), g_bytes_get_size(body));
  g_mutex_unlock(&hook->lock);
  switch ((HookMode)g_atomic_int_get(&hook->mode)) {
  case HOOK_ALLOW:
    return reply_text(request, 200, "{\"isAllowed\":true,\"gatewayAppId\":\"gateway\",\"reason\":\"\"}");
  case HOOK_DENY:
    return reply_text(request, 200,
                      "{\"isAllowed\":false,\"gatewayAppId\":\"\",\"reason\":\"compose hash not allowed\"}");
  case HOOK_LIE:
    return reply_text(request, 200, "{\"isAllowed\":\"true\",\"gatewayAppId\":\"gateway\",\"reason\":\"\"}");
  case HOOK_FAIL:
    return reply_text(request, 500, "{\"isAllowed\":true,\"gatewayAppId\":\"gateway\",\"reason\":\"\"}");
  case HOOK_HANG:
    g_usleep(40 * G_USEC_PER_SEC);
    return reply_text(request, 200, "{\"isAllowed\":true,\"gatewayAppId\":\"gateway\",\"reason\":\"\"}");
  case HOOK_HUGE:
    break;
  }
  g_autofree char *padding = g_strnfill(10 * 1024 * 1024, ' ');
  g_autofree char *huge =
      g_strconcat("{\"isAllowed\":true,\"gatewayAppId\":\"gateway\",\"reason\":\"\"}", padding, NULL);
  reply_text(request, 200, huge);
}

static void answer_info(PrpcHttpRequest *request, gpointer user_data) {
  Hook *hook = user_data;
  if (g_atomic_int_get(&hook->mode) == HOOK_FAIL)
    return reply_text(request, 503, "down");
  reply_text(request, 200,
             "{\"status\":\"ok\",\"kmsContractAddr\":\"0xabc\",\"gatewayAppId\":\"gateway\",\"chainId\":31337,"
             "\"appImplementation\":\"0xdef\"}");
}

static void hook_start(Hook *hook) {
  g_mutex_init(&hook->lock);
  hook->router = prpc_router_new("webhook double");
  prpc_router_route(hook->router, "POST", "/bootAuth/*", 10 * 1024 * 1024, answer_boot_auth, hook);
  prpc_router_route(hook->router, "GET", "/", 0, answer_info, hook);
  g_autoptr(GError) error = NULL;
  hook->server = prpc_server_new(4, 64, &error);
  guint listener = prpc_server_listen(hook->server, "127.0.0.1:0", hook->router, NULL, &error);
  g_assert_no_error(error);
  hook->url = g_strdup_printf("http://127.0.0.1:%u", prpc_server_port(hook->server, listener));
  prpc_server_start(hook->server);
}

static void hook_stop(Hook *hook) {
  prpc_server_stop(hook->server);
  prpc_server_free(hook->server);
  prpc_router_free(hook->router);
  g_free(hook->url);
  g_free(hook->last_question);
  g_free(hook->last_path);
  g_mutex_clear(&hook->lock);
}

/* ---- TEEs ---- */

static void emit(TdxPlatform *platform, const char *name, const void *payload, gsize len) {
  g_autoptr(GError) error = NULL;
  tdx_emit_event(platform, name, payload, len, &error);
  g_assert_no_error(error);
}

static TdxEventLog *boot_log(void) {
  TdxEventLog *log = tdx_event_log_new();
  g_autoptr(GBytes) payload = g_bytes_new_static("boot", 4);
  guint8 digest[48];
  for (guint imr = 0; imr < 3; imr++) {
    memset(digest, 0xa0 + (int)imr, sizeof digest);
    g_ptr_array_add(log, tdx_event_new(imr, 0x80000002, digest, "", payload));
  }
  return log;
}

static TdxPlatform *make_platform(Kms *kms, const char *name, guint8 mrtd_byte) {
  g_autofree char *dir = g_build_filename(kms->dir, name, NULL);
  g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
  guint8 mrtd[48];
  static const guint8 mr_config_id[48];
  memset(mrtd, mrtd_byte, sizeof mrtd);
  g_autoptr(TdxEventLog) log = boot_log();
  g_autoptr(GError) error = NULL;
  TdxPlatform *platform = tdx_platform_simulated(kms->pki, mrtd, mr_config_id, log, dir, &error);
  g_assert_no_error(error);
  return platform;
}

TdxPlatform *kms_client_platform(Kms *kms, guint8 app_byte, guint8 instance_byte, guint8 mrtd_byte) {
  guint8 app_id[20];
  memset(app_id, app_byte, sizeof app_id);
  return kms_client_platform_of(kms, app_id, instance_byte, mrtd_byte);
}

TdxPlatform *kms_client_platform_of(Kms *kms, const guint8 app_id[20], guint8 instance_byte, guint8 mrtd_byte) {
  static gint counter;
  g_autofree char *name = g_strdup_printf("tee-%d", g_atomic_int_add(&counter, 1));
  TdxPlatform *platform = make_platform(kms, name, mrtd_byte);
  guint8 instance_id[20], compose_hash[32];
  memset(instance_id, instance_byte, sizeof instance_id);
  memset(compose_hash, 0xcc, sizeof compose_hash);
  emit(platform, "system-preparing", NULL, 0);
  emit(platform, "app-id", app_id, 20);
  emit(platform, "compose-hash", compose_hash, sizeof compose_hash);
  emit(platform, "instance-id", instance_id, instance_byte ? sizeof instance_id : 0);
  emit(platform, "boot-mr-done", NULL, 0);
  return platform;
}

/* ---- the guest agent of the KMS's own CVM ---- */

static gboolean answer_get_quote(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                 gpointer user_data, GError **error) {
  (void)call;
  Kms *kms = user_data;
  const DstackGuest__RawQuoteArgs *args = (const DstackGuest__RawQuoteArgs *)request;
  DstackGuest__GetQuoteResponse *answer = (DstackGuest__GetQuoteResponse *)response;
  guint8 report_data[TDX_REPORT_DATA_SIZE] = {0};
  memcpy(report_data, args->report_data.data, MIN(args->report_data.len, sizeof report_data));
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(kms->kms_platform, report_data, error);
  if (!evidence)
    return FALSE;
  g_autofree char *log = tdx_event_log_print(evidence->log);
  prpc_set_gbytes(&answer->quote, evidence->quote);
  prpc_set_string(&answer->event_log, log);
  return TRUE;
}

static gboolean answer_agent_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                  gpointer user_data, GError **error) {
  (void)call, (void)request, (void)user_data, (void)error; /* always the same */
  prpc_set_string(&((DstackGuest__AppInfo *)response)->vm_config, VM_CONFIG);
  return TRUE;
}

static void agent_start(Kms *kms) {
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "", kms);
  prpc_service_handle(service, "GetQuote", answer_get_quote);
  prpc_service_handle(service, "Info", answer_agent_info);
  kms->agent_router = prpc_router_new("guest agent double");
  prpc_router_mount(kms->agent_router, "", service);
  g_autoptr(GError) error = NULL;
  kms->agent = prpc_server_new(2, 16, &error);
  /* As a guest's: open to all of its CVM. */
  kms->agent_dir = g_dir_make_tmp("dstack-kms-agent-XXXXXX", NULL);
  g_assert_cmpint(g_chmod(kms->agent_dir, 0755), ==, 0);
  kms->agent_address = g_strdup_printf("unix:%s/agent.sock", kms->agent_dir);
  PrpcListenOptions options = {.unix_mode = 0777};
  prpc_server_listen(kms->agent, kms->agent_address, kms->agent_router, &options, &error);
  g_assert_no_error(error);
  prpc_server_start(kms->agent);
}

/* ---- a place for everything ---- */

static void write_text(const char *dir, const char *name, const char *text) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  g_assert_cmpint(g_chmod(path, 0644), ==, 0);
}

/* Below a directory that only root can enter: the verifier must find its way after it gave up its privileges. */
static void write_trust(Kms *kms) {
  g_autofree char *trust = g_build_filename(kms->dir, "trust", NULL);
  g_autofree char *root_path = g_build_filename(trust, "root.pem", NULL);
  g_autofree char *collateral_path = g_build_filename(trust, "collateral.json", NULL);
  g_assert_cmpint(g_mkdir(trust, 0755), ==, 0);
  g_autoptr(GError) error = NULL;
  g_autofree char *root = simulated_pki_root_pem(kms->pki);
  g_autofree char *collateral = simulated_pki_collateral(kms->pki, g_get_real_time() / G_USEC_PER_SEC, &error);
  g_assert_no_error(error);
  write_text(trust, "root.pem", root);
  write_text(trust, "collateral.json", collateral);
  RatlsVerifierOptions options = {
      .root_ca_path = root_path, .allow_external_root = TRUE, .collateral_path = collateral_path};
  kms->verifier = ratls_verifier_new(&options, &error);
  g_assert_no_error(error);
}

static void set_register(json_t *entry, const char *key, const guint8 value[48]) {
  g_autofree char *hex = hex_encode(value, 48);
  json_object_set_new(entry, key, json_string(hex));
}

/* What a measured image leaves in the cache: the registers of GOOD_IMAGE for VM_CONFIG. */
static void write_measurements(Kms *kms) {
  g_autofree char *dir = g_build_filename(kms->image_cache, "measurements", NULL);
  g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
  g_autofree char *key = measure_vm_cache_key(VM_CONFIG, NULL);
  g_autoptr(TdxEventLog) log = boot_log();
  json_t *entry = json_object();
  guint8 value[48];
  memset(value, GOOD_IMAGE, sizeof value);
  set_register(entry, "mrtd", value);
  static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2"};
  for (guint i = 0; i < 3; i++) {
    g_assert_true(tdx_replay(log, i, NULL, value, NULL));
    set_register(entry, names[i], value);
  }
  g_autoptr(json_t) file =
      json_pack("{s:i, s:s, s:o}", "version", 3, "measured_by", "dstack-c 1", "measurements", entry);
  g_autofree char *text = json_print(file), *name = g_strconcat(key, ".json", NULL);
  write_text(dir, name, text);
}

/* What a KMS's CVM runs, so that its replicas have the same measurements. */
static void emit_kms_events(TdxPlatform *platform) {
  guint8 app_id[20], compose_hash[32] = {0};
  memset(app_id, 0x6b, sizeof app_id);
  emit(platform, "app-id", app_id, sizeof app_id);
  emit(platform, "compose-hash", compose_hash, sizeof compose_hash);
}

TdxPlatform *kms_replica_platform(Kms *kms, guint8 mrtd_byte) {
  static gint counter;
  g_autofree char *name = g_strdup_printf("kms-tee-%d", g_atomic_int_add(&counter, 1));
  TdxPlatform *platform = make_platform(kms, name, mrtd_byte);
  emit_kms_events(platform);
  return platform;
}

Kms *kms_new(void) {
  g_autoptr(Secret) seed = secret_new_random(32);
  return kms_new_with_seed(seed);
}

Kms *kms_new_beside(Kms *other) { return kms_new_with_seed(other->seed); }

Kms *kms_new_with_seed(const Secret *seed) {
  Kms *kms = g_new0(Kms, 1);
  kms->dir = g_dir_make_tmp("dstack-kms-XXXXXX", NULL);
  kms->cert_dir = g_build_filename(kms->dir, "certs", NULL);
  kms->log_path = g_build_filename(kms->dir, "log", NULL);
  kms->image_cache = g_build_filename(kms->dir, "image-cache", NULL);
  kms->seed = secret_copy(seed);
  kms->pki = simulated_pki_new(seed, NULL);
  g_assert_nonnull(kms->pki);
  write_trust(kms);
  write_measurements(kms);
  hook_start(&kms->hook);
  kms->kms_platform = kms_replica_platform(kms, GOOD_IMAGE);
  agent_start(kms);
  kms->port = free_port();
  kms->url = g_strdup_printf("https://127.0.0.1:%u", kms->port);
  kms_configure(kms, NULL, NULL, NULL);
  return kms;
}

void kms_configure(Kms *kms, const char *onboard, const char *auth, const char *extra) {
  g_autofree char *webhook =
      g_strdup_printf("type = \"webhook\"\n[core.auth_api.webhook]\nurl = \"%s/\"\n", kms->hook.url);
  g_autofree char *text = g_strdup_printf(
      "[rpc]\naddress = \"127.0.0.1\"\nport = %u\nworkers = 4\n"
      "[core]\ncert_dir = \"%s\"\nenforce_self_authorization = %s\nsite_name = \"<b>test</b> site\"\n"
      "[core.image]\ncache_dir = \"%s\"\n"
      "[core.attestation]\ninsecure_allow_external_trust_anchors = true\n"
      "root_ca.tdx = \"%s/trust/root.pem\"\ncollateral_file = \"%s/trust/collateral.json\"\n"
      "[core.onboard]\n%s\n[core.auth_api]\n%s\n%s\n",
      kms->port, kms->cert_dir, kms->self_authorization ? "true" : "false", kms->image_cache, kms->dir, kms->dir,
      onboard ? onboard : "auto_bootstrap_domain = \"127.0.0.1\"", auth ? auth : webhook, extra ? extra : "");
  write_text(kms->dir, "kms.toml", text);
}

void kms_spawn(Kms *kms) {
  g_assert_cmpint(kms->pid, ==, 0);
  g_autofree char *config = g_build_filename(kms->dir, "kms.toml", NULL);
  const char *program = g_getenv("KMS_PROGRAM");
  char *const argv[] = {(char *)program, "-c", config, NULL};
  g_autofree char *agent = g_strconcat("DSTACK_AGENT_ADDRESS=", kms->agent_address, NULL);
  char *const env[] = {agent, "RUST_LOG=debug", NULL};
  int log = open(kms->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  kms->pid = fork();
  g_assert_cmpint(kms->pid, >=, 0);
  if (kms->pid == 0) {
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    execve(program, argv, env);
    _exit(127);
  }
  close(log);
}

static gboolean is_up(Kms *kms) {
  g_autoptr(PrpcClient) client = prpc_client_new(kms->url, NULL);
  TlsClientOptions options = {.insecure_no_verify = TRUE};
  g_autoptr(SSL_CTX) tls = tls_client_context(&options, NULL);
  prpc_client_set_tls(client, tls, FALSE);
  int status = 0;
  g_autoptr(GBytes) answer = prpc_client_http(client, "GET", "/health", NULL, NULL, 0, 100, &status, NULL);
  return answer && status == 200;
}

void kms_start(Kms *kms) {
  kms_spawn(kms);
  for (gint64 end = g_get_monotonic_time() + START_SECONDS * G_USEC_PER_SEC; !is_up(kms);) {
    int status;
    gboolean ended = waitpid(kms->pid, &status, WNOHANG) == kms->pid;
    if (ended || g_get_monotonic_time() > end) {
      g_autofree char *log = kms_log(kms);
      g_error("the kms did not start:\n%s", log);
    }
    g_usleep(20000);
  }
}

int kms_wait(Kms *kms) {
  int status = 0;
  g_assert_cmpint(waitpid(kms->pid, &status, 0), ==, kms->pid);
  kms->pid = 0;
  return status;
}

void kms_kill(Kms *kms) {
  g_assert_cmpint(kill(kms->pid, SIGKILL), ==, 0);
  (void)kms_wait(kms);
}

char *kms_log(Kms *kms) {
  char *text = NULL;
  (void)g_file_get_contents(kms->log_path, &text, NULL, NULL);
  return text ? text : g_strdup("");
}

pid_t kms_helper(Kms *kms, const char *name) {
  g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", kms->pid, kms->pid);
  g_autofree char *children = NULL;
  g_assert_true(g_file_get_contents(path, &children, NULL, NULL));
  g_auto(GStrv) pids = g_strsplit(g_strstrip(children), " ", -1);
  for (char **pid = pids; *pid; pid++) {
    g_autofree char *cmdline_path = g_strdup_printf("/proc/%s/cmdline", *pid);
    g_autofree char *cmdline = NULL;
    if (g_file_get_contents(cmdline_path, &cmdline, NULL, NULL) && g_str_has_suffix(cmdline, name))
      return (pid_t)g_ascii_strtoll(*pid, NULL, 10);
  }
  g_error("no process %s", name);
}

guint64 process_rss(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
  g_autofree char *status = NULL;
  g_assert_true(g_file_get_contents(path, &status, NULL, NULL));
  const char *line = strstr(status, "VmRSS:");
  g_assert_nonnull(line);
  return g_ascii_strtoull(line + strlen("VmRSS:"), NULL, 10);
}

gboolean process_alive(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
  g_autofree char *stat = NULL;
  return g_file_get_contents(path, &stat, NULL, NULL) && !strstr(stat, ") Z");
}

static void assert_no_secrets_in_log(Kms *kms) {
  g_autoptr(RootKeys) keys = key_files_load(kms->cert_dir, NULL);
  if (!keys)
    return;
  g_autofree char *log = kms_log(kms);
  g_autoptr(Secret) root = p256_scalar(keys->root_ca);
  g_autofree char *root_hex = hex_encode(secret_peek(root), secret_len(root));
  g_autofree char *k256_hex = hex_encode(secret_peek(keys->k256), secret_len(keys->k256));
  g_assert_null(strstr(log, root_hex));
  g_assert_null(strstr(log, k256_hex));
  g_assert_null(strstr(log, "PRIVATE KEY"));
}

void kms_free(Kms *kms) {
  if (kms->pid)
    kms_kill(kms);
  assert_no_secrets_in_log(kms);
  hook_stop(&kms->hook);
  prpc_server_stop(kms->agent);
  prpc_server_free(kms->agent);
  prpc_router_free(kms->agent_router);
  tdx_platform_free(kms->kms_platform);
  ratls_verifier_unref(kms->verifier);
  simulated_pki_free(kms->pki);
  secret_free(kms->seed);
  g_assert_true(file_remove_tree(kms->dir, NULL) && file_remove_tree(kms->agent_dir, NULL));
  g_free(kms->dir);
  g_free(kms->cert_dir);
  g_free(kms->log_path);
  g_free(kms->image_cache);
  g_free(kms->agent_address);
  g_free(kms->agent_dir);
  g_free(kms->url);
  g_free(kms);
}

/* ---- clients ---- */

static char *read_cert_file(Kms *kms, const char *name) {
  g_autofree char *path = g_build_filename(kms->cert_dir, name, NULL);
  g_autoptr(GError) error = NULL;
  char *text = file_read_text(path, 16384, &error);
  g_assert_no_error(error);
  return text;
}

X509 *kms_temp_ca(Kms *kms, EVP_PKEY **key) {
  g_autofree char *cert = read_cert_file(kms, "tmp-ca.crt");
  g_autofree char *pem = read_cert_file(kms, "tmp-ca.key");
  *key = p256_from_pem(pem, strlen(pem), NULL);
  return cert_from_pem(cert, strlen(cert), NULL);
}

PrpcClient *kms_client(Kms *kms, const char *cert_pem, const Secret *key_pem) {
  g_autofree char *root = read_cert_file(kms, "root-ca.crt");
  g_autofree char *base = g_strconcat(kms->url, "/prpc", NULL);
  TlsClientOptions options = {.ca_pem = root, .cert_pem = cert_pem, .key_pem = key_pem};
  g_autoptr(GError) error = NULL;
  g_autoptr(SSL_CTX) tls = tls_client_context(&options, &error);
  PrpcClient *client = prpc_client_new(base, &error);
  g_assert_no_error(error);
  prpc_client_set_tls(client, tls, TRUE);
  return client;
}

PrpcClient *kms_attested_client(Kms *kms, TdxPlatform *platform) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  return kms_attested_client_with(kms, platform, key);
}

PrpcClient *kms_attested_client_with(Kms *kms, TdxPlatform *platform, EVP_PKEY *key) {
  g_autoptr(EVP_PKEY) temp_ca_key = NULL;
  g_autoptr(X509) temp_ca = kms_temp_ca(kms, &temp_ca_key);
  g_autoptr(GError) error = NULL;
  g_autoptr(X509) cert = ratls_temp_certificate(platform, key, temp_ca, temp_ca_key, &error);
  g_assert_no_error(error);
  g_autofree char *cert_pem = cert_to_pem(cert);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  return kms_client(kms, cert_pem, key_pem);
}

PrpcClient *kms_altered_client(Kms *kms, TdxPlatform *platform, KmsReportChange change) {
  g_autoptr(EVP_PKEY) ca_key = NULL, key = p256_generate();
  g_autoptr(X509) ca = kms_temp_ca(kms, &ca_key);
  g_autoptr(GBytes) quote = NULL, log = NULL;
  g_autoptr(GError) error = NULL;
  g_assert_true(ratls_take_evidence(platform, key, &quote, &log, &error));
  g_autoptr(Quote) parsed = quote_parse(quote, &error);
  TdReport report = parsed->td;
  change(&report);
  g_autoptr(GBytes) altered = simulated_quote(kms->pki, &report, &error);
  g_assert_no_error(error);
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, altered}, {RATLS_OID_EVENT_LOG, log}};
  CertSpec spec = {
      .common_name = "RA-TLS TEMP Cert", .ca_path_len = -1, .extensions = extensions, .n_extensions = 2};
  g_autoptr(X509) cert = cert_build(&spec, key, ca, ca_key, &error);
  g_autofree char *pem = cert_to_pem(cert);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  return kms_client(kms, pem, key_pem);
}
