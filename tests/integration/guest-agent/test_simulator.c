/* The guest agent as its callers see it: the real program with the simulated TEE, over its unix sockets. */
#include "harness.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/process.h"
#include "crypto/x509.h"
#include "ratls/evidence.h"
#include "tdx/report_data.h"

#include "google/protobuf/empty.pb-c.h"
#include "guest_agent.pb-c.h"
#include "guest_api.pb-c.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void assert_binary(const ProtobufCBinaryData *data, const char *expected) {
  g_autofree char *text = hex_encode(data->data, data->len);
  g_assert_cmpstr(text, ==, expected);
}

/* ---- DstackGuest ---- */

static void test_get_key(void) {
  DstackGuest__GetKeyArgs args = DSTACK_GUEST__GET_KEY_ARGS__INIT;
  args.path = (char *)"/";
  args.purpose = (char *)"test";
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message =
      simulator_call("dstack.sock", "", "GetKey", &args.base, &dstack_guest__get_key_response__descriptor, &error);
  g_assert_no_error(error);
  const DstackGuest__GetKeyResponse *answer = (const DstackGuest__GetKeyResponse *)message;
  assert_binary(&answer->key, "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8");
  g_assert_cmpuint(answer->n_signature_chain, ==, 2);
  g_assert_cmpuint(answer->signature_chain[0].len, ==, 65);
  assert_binary(
      &answer->signature_chain[1],
      "2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d2405ace433624e5568e23c4ed291dbaf60dac79b756837c"
      "0fe745154ebfdc0a601");
  args.algorithm = (char *)"rsa";
  g_assert_null(
      simulator_call("dstack.sock", "", "GetKey", &args.base, &dstack_guest__get_key_response__descriptor, &error));
  g_assert_nonnull(strstr(error->message, "unsupported algorithm"));
}

static RatlsVerifier *verifier(void) {
  g_autofree char *root = simulator_path("anchors/root.pem");
  g_autofree char *collateral = simulator_path("anchors/collateral.json");
  RatlsVerifierOptions options = {.root_ca_path = root, .allow_external_root = TRUE, .collateral_path = collateral};
  g_autoptr(GError) error = NULL;
  RatlsVerifier *made = ratls_verifier_new(&options, &error);
  g_assert_no_error(error);
  return made;
}

static VerifiedEvidence *quote_and_verify(const void *report_data, gsize len) {
  DstackGuest__RawQuoteArgs args = DSTACK_GUEST__RAW_QUOTE_ARGS__INIT;
  args.report_data = (ProtobufCBinaryData){.len = len, .data = (guint8 *)report_data};
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message =
      simulator_call("dstack.sock", "", "GetQuote", &args.base, &dstack_guest__get_quote_response__descriptor, &error);
  g_assert_no_error(error);
  const DstackGuest__GetQuoteResponse *answer = (const DstackGuest__GetQuoteResponse *)message;
  g_assert_cmpuint(answer->report_data.len, ==, TDX_REPORT_DATA_SIZE);
  g_assert_true(g_str_has_prefix(answer->vm_config, "{\"os_image_hash\""));
  g_autoptr(RatlsVerifier) judge = verifier();
  g_autoptr(GBytes) quote = g_bytes_new(answer->quote.data, answer->quote.len);
  VerifiedEvidence *evidence = ratls_verify_evidence(judge, quote, answer->event_log, strlen(answer->event_log),
                                                     answer->report_data.data, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(evidence->quote->td.report_data, len, report_data, len);
  return evidence;
}

static VerifiedEvidence *verify_attestation(const DstackGuest__GetQuoteResponse *answer) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) encoded = g_bytes_new(answer->attestation.data, answer->attestation.len);
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(encoded, &error);
  g_assert_no_error(error);
  g_autoptr(RatlsVerifier) judge = verifier();
  VerifiedEvidence *evidence = ratls_verify_attestation(judge, attestation, answer->report_data.data, &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) quote = ratls_attestation_quote(attestation, NULL);
  g_assert_cmpmem(g_bytes_get_data(quote, NULL), g_bytes_get_size(quote), answer->quote.data, answer->quote.len);
  g_assert_cmpstr(evidence->config, ==, answer->vm_config);
  return evidence;
}

/* Quotes of a simulator come as versioned attestations, too. */
static void test_attestation_of_quote(void) {
  DstackGuest__RawQuoteArgs args = DSTACK_GUEST__RAW_QUOTE_ARGS__INIT;
  g_autoptr(PrpcMessage) message =
      simulator_call("dstack.sock", "", "GetQuote", &args.base, &dstack_guest__get_quote_response__descriptor, NULL);
  g_autoptr(VerifiedEvidence) evidence = verify_attestation((const DstackGuest__GetQuoteResponse *)message);
  g_assert_cmpstr(evidence->config, !=, "");
}

/* The fixture's compose has public_tcbinfo false: the world does not learn the configuration that way either. */
static void test_attestation_for_app_key(void) {
  DstackGuest__GetAttestationForAppKeyRequest args = DSTACK_GUEST__GET_ATTESTATION_FOR_APP_KEY_REQUEST__INIT;
  args.algorithm = (char *)"ed25519";
  g_autoptr(PrpcMessage) message = simulator_call("external.sock", "/prpc", "GetAttestationForAppKey", &args.base,
                                                  &dstack_guest__get_quote_response__descriptor, NULL);
  g_autoptr(VerifiedEvidence) evidence = verify_attestation((const DstackGuest__GetQuoteResponse *)message);
  g_assert_cmpstr(evidence->config, ==, "");
}

static void test_quote(void) {
  g_autoptr(VerifiedEvidence) evidence = quote_and_verify("nonce", 5);
  g_assert_true(evidence->external_root);
  g_autofree char *compose_path = simulator_path("app-compose.json");
  g_autofree char *text = file_read_text(compose_path, 1 << 20, NULL);
  guint8 hash[SHA256_SIZE];
  digest_sha256(text, strlen(text), hash);
  g_assert_cmpmem(g_bytes_get_data(evidence->app_info->compose_hash, NULL), 32, hash, 32);
  g_autofree char *app_id = hex_encode_bytes(evidence->app_info->app_id);
  g_assert_cmpstr(app_id, ==,
                  "ea549f02e1a25fabd1cb788380e033ec5461b2ff"); /* as configured: it owns the keys' signature */
  guint8 too_long[65] = {0};
  DstackGuest__RawQuoteArgs args = DSTACK_GUEST__RAW_QUOTE_ARGS__INIT;
  args.report_data = (ProtobufCBinaryData){.len = sizeof too_long, .data = too_long};
  g_assert_null(
      simulator_call("dstack.sock", "", "GetQuote", &args.base, &dstack_guest__get_quote_response__descriptor, NULL));
}

static gboolean emit_bytes(const char *event, const void *payload, gsize len) {
  DstackGuest__EmitEventArgs args = DSTACK_GUEST__EMIT_EVENT_ARGS__INIT;
  args.event = (char *)event;
  args.payload = (ProtobufCBinaryData){.len = len, .data = (guint8 *)payload};
  g_autoptr(PrpcMessage) answer =
      simulator_call("dstack.sock", "", "EmitEvent", &args.base, &google__protobuf__empty__descriptor, NULL);
  return answer != NULL;
}

static void emit(const char *event, const char *payload, gboolean accepted) {
  g_assert_true(emit_bytes(event, payload, strlen(payload)) == accepted);
}

static void assert_last_event(const char *name, const char *digest) {
  g_autoptr(VerifiedEvidence) evidence = quote_and_verify("x", 1); /* still replays */
  const TdxEvent *last = evidence->log->pdata[evidence->log->len - 1];
  g_assert_cmpstr(last->name, ==, name);
  g_autofree char *text = hex_encode(last->digest, sizeof last->digest);
  g_assert_cmpstr(text, ==, digest);
}

static void test_emit_event(void) {
  emit("test-event", "test payload", TRUE);
  assert_last_event("test-event", "abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc"
                                  "8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0");
  g_assert_true(emit_bytes("custom-event", "\xde\xad\xbe\xef", 4));
  assert_last_event("custom-event", "932d89c58e4b06531792f52cae148160c71aed5eef155b32"
                                    "94b2ca88e85b4b9b96753526c082a4cf90fd39ffe6ee2fd9");
  emit("", "x", FALSE);
  emit("with space", "x", FALSE);
  emit("a:b", "x", FALSE);
}

typedef struct {
  GMutex lock;
  guint done;
} Racers;

static gpointer emit_and_quote(gpointer data) {
  Racers *racers = data;
  for (guint i = 0; i < 5; i++) {
    emit("race", "x", TRUE);
    g_autoptr(VerifiedEvidence) evidence = quote_and_verify("race", 4);
    g_assert_nonnull(evidence);
  }
  g_mutex_lock(&racers->lock);
  racers->done++;
  g_mutex_unlock(&racers->lock);
  return NULL;
}

/* Every quote given out during a rush of events must replay. */
static void test_concurrent_events(void) {
  Racers racers = {0};
  GThread *threads[4];
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("racer", emit_and_quote, &racers);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
  g_assert_cmpuint(racers.done, ==, G_N_ELEMENTS(threads));
}

static void test_tls_key(void) {
  DstackGuest__GetTlsKeyArgs args = DSTACK_GUEST__GET_TLS_KEY_ARGS__INIT;
  char *names[] = {(char *)"app.example.com"};
  args.subject = (char *)"";
  args.alt_names = names;
  args.n_alt_names = 1;
  args.usage_ra_tls = args.usage_server_auth = TRUE;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = simulator_call("dstack.sock", "", "GetTlsKey", &args.base,
                                                  &dstack_guest__get_tls_key_response__descriptor, &error);
  g_assert_no_error(error);
  const DstackGuest__GetTlsKeyResponse *answer = (const DstackGuest__GetTlsKeyResponse *)message;
  g_assert_cmpuint(answer->n_certificate_chain, ==, 2);
  g_autoptr(EVP_PKEY) key = p256_from_pem(answer->key, strlen(answer->key), &error);
  g_autoptr(X509) leaf = cert_from_pem(answer->certificate_chain[0], strlen(answer->certificate_chain[0]), &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) of_key = p256_spki(key);
  g_autoptr(GBytes) of_leaf = cert_spki(leaf);
  g_assert_true(g_bytes_equal(of_key, of_leaf));
  g_autoptr(RatlsVerifier) judge = verifier();
  g_autoptr(VerifiedEvidence) evidence = NULL;
  g_assert_true(ratls_verify_certificate(judge, leaf, &evidence, &error));
  g_assert_nonnull(evidence);
}

/* What newer clients may ask for beside. */
static void test_tls_key_extras(void) {
  g_autoptr(GError) error = NULL;
  DstackGuest__GetTlsKeyArgs args = DSTACK_GUEST__GET_TLS_KEY_ARGS__INIT;
  const guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC);
  args.subject = (char *)"app";
  args.with_app_info = TRUE;
  args._not_after_case = DSTACK_GUEST__GET_TLS_KEY_ARGS___NOT_AFTER_NOT_AFTER;
  args.not_after = now + 3600;
  g_autoptr(PrpcMessage) message = simulator_call("dstack.sock", "", "GetTlsKey", &args.base,
                                                  &dstack_guest__get_tls_key_response__descriptor, &error);
  g_assert_no_error(error);
  const DstackGuest__GetTlsKeyResponse *answer = (const DstackGuest__GetTlsKeyResponse *)message;
  g_autoptr(X509) leaf = cert_from_pem(answer->certificate_chain[0], strlen(answer->certificate_chain[0]), &error);
  g_autoptr(AppInfo) info = NULL;
  g_assert_true(ratls_cert_app_info(leaf, &info, &error));
  g_assert_nonnull(info);
  g_assert_cmpuint(g_bytes_get_size(info->app_id), ==, 20);
  time_t end = (time_t)(now + 3600);
  g_assert_cmpint(X509_cmp_time(X509_get0_notAfter(leaf), &end), ==, -1); /* -1 is "not later" */
  args._not_before_case = DSTACK_GUEST__GET_TLS_KEY_ARGS___NOT_BEFORE_NOT_BEFORE;
  args.not_before = now + 3600;
  g_assert_null(simulator_call("dstack.sock", "", "GetTlsKey", &args.base,
                               &dstack_guest__get_tls_key_response__descriptor, &error));
  g_assert_nonnull(strstr(error->message, "not_before must be earlier than not_after"));
}

static PrpcMessage *info_of(const char *socket_name, const char *prefix) {
  g_autoptr(GError) error = NULL;
  PrpcMessage *message = simulator_call(socket_name, prefix, "Info", NULL, &dstack_guest__app_info__descriptor, &error);
  g_assert_no_error(error);
  return message;
}

static void test_info(void) {
  g_autoptr(PrpcMessage) internal = info_of("dstack.sock", "");
  const DstackGuest__AppInfo *info = (const DstackGuest__AppInfo *)internal;
  g_assert_cmpstr(info->app_name, ==, "kvin-nb");
  g_assert_cmpuint(info->app_id.len, ==, 20);
  g_assert_cmpuint(info->instance_id.len, ==, 20);
  g_assert_cmpuint(info->mr_aggregated.len, ==, 32);
  g_assert_cmpstr(info->key_provider_info, ==, "{\"name\":\"none\",\"id\":\"\"}");
  g_autoptr(json_t) tcb = json_parse(info->tcb_info, strlen(info->tcb_info), "tcb_info", NULL);
  static const char *const members[] = {"mrtd",      "rtmr0",         "rtmr1",         "rtmr2",
                                        "rtmr3",     "mr_aggregated", "os_image_hash", "compose_hash",
                                        "device_id", "event_log",     "app_compose"};
  g_assert_cmpuint(json_object_size(tcb), ==, G_N_ELEMENTS(members));
  for (guint i = 0; i < G_N_ELEMENTS(members); i++)
    g_assert_nonnull(json_object_get(tcb, members[i]));
  g_assert_true(json_is_array(json_object_get(tcb, "event_log")));
}

/* The fixture's compose has public_tcbinfo false. */
static void test_public_info(void) {
  g_autoptr(PrpcMessage) public = info_of("external.sock", "/prpc");
  const DstackGuest__AppInfo *info = (const DstackGuest__AppInfo *)public;
  g_assert_cmpstr(info->tcb_info, ==, "");
  g_assert_cmpstr(info->vm_config, ==, "");
  g_assert_cmpuint(info->app_id.len, ==, 20);
  g_autoptr(PrpcMessage) legacy = info_of("tappd.sock", "/prpc");
  g_assert_cmpstr(((const DstackGuest__AppInfo *)legacy)->tcb_info, !=, "");
  g_autoptr(PrpcMessage) probe = info_of("dstack.sock", "/prpc");
  g_assert_nonnull(probe);
}

/* Info is about the system: an app's own events change nothing but the log and RTMR3. */
static void test_info_after_event(void) {
  g_autoptr(PrpcMessage) before = info_of("dstack.sock", "");
  emit("compose-hash", "mine", TRUE);
  g_autoptr(PrpcMessage) after = info_of("dstack.sock", "");
  const DstackGuest__AppInfo *a = (const DstackGuest__AppInfo *)before, *b = (const DstackGuest__AppInfo *)after;
  g_assert_cmpmem(a->compose_hash.data, a->compose_hash.len, b->compose_hash.data, b->compose_hash.len);
  g_assert_cmpstr(a->tcb_info, !=, b->tcb_info);
}

static void test_demo_certificate(void) {
  for (guint waited = 0; waited < 5000; waited += 50) {
    g_autoptr(PrpcMessage) message = info_of("dstack.sock", "");
    const char *chain = ((const DstackGuest__AppInfo *)message)->app_cert;
    if (*chain) {
      g_autoptr(GPtrArray) certs = certs_from_pem(chain, strlen(chain), NULL);
      g_assert_cmpuint(certs->len, ==, 2);
      return;
    }
    g_usleep(50000);
  }
  g_error("no demo certificate");
}

/* ---- GuestApi ---- */

static void test_guest_api(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message =
      simulator_call("guest.sock", "/api", "Info", NULL, &guest_api__guest_info__descriptor, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(((const GuestApi__GuestInfo *)message)->version, ==, DSTACK_VERSION);
  g_assert_cmpstr(((const GuestApi__GuestInfo *)message)->tcb_info, ==, "");
  g_autoptr(PrpcMessage) system =
      simulator_call("guest.sock", "/api", "SysInfo", NULL, &guest_api__system_info__descriptor, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(((const GuestApi__SystemInfo *)system)->total_memory, >, 0);
  g_autoptr(PrpcMessage) network =
      simulator_call("guest.sock", "/api", "NetworkInfo", NULL, &guest_api__network_information__descriptor, &error);
  g_assert_no_error(error);
  g_assert_null(simulator_call("guest.sock", "/api", "Shutdown", NULL, &google__protobuf__empty__descriptor, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
}

/* ---- the wire ---- */

static void test_wire(void) {
  const char *json = "application/json";
  simulator_assert_http("dstack.sock", "POST", "/Nope", json, "{}", 400, "{\n  \"error\": \"");
  simulator_assert_http("dstack.sock", "GET", "/GetKey?path=/&purpose=test", NULL, NULL, 200,
                        "{\"key\":\"082d197907da848f");
  simulator_assert_http("dstack.sock", "GET", "/GetKey?path=/&path=/", NULL, NULL, 400, "{");
  simulator_assert_http("dstack.sock", "GET", "/", NULL, NULL, 422, "");
  simulator_assert_http("dstack.sock", "GET", "/Info/", NULL, NULL, 404, "");
  simulator_assert_http("dstack.sock", "POST", "/GetKey", json, "{\"path\":null}", 400, "{");
  simulator_assert_http("dstack.sock", "POST", "/GetKey", json, "{\"x\":1}", 200, "{\"key\":\"38309afef2058aef");
  simulator_assert_http("dstack.sock", "POST", "/EmitEvent?json", NULL, "{\"event\":\"a\",\"payload\":\"0xAB\"}", 200,
                        "null");
  simulator_assert_http("dstack.sock", "POST", "/EmitEvent?json", NULL, "{\"payload\":\"abc\"}", 400, "{");
  simulator_assert_http("dstack.sock", "POST", "/Sign?json", NULL, "{}", 400,
                        "{\n  \"error\": \"unsupported algorithm");
}

/* What is not for everybody is not there for everybody. */
static void test_separate_tables(void) {
  simulator_assert_http("external.sock", "POST", "/prpc/GetKey?json", NULL, "{}", 400, "{");
  simulator_assert_http("external.sock", "GET", "/GetKey", NULL, NULL, 404, "");
  simulator_assert_http("external.sock", "GET", "/prpc/Worker.Version", NULL, NULL, 200, "{\"version\":\"");
  simulator_assert_http("guest.sock", "POST", "/api/GetKey?json", NULL, "{}", 400, "{");
  simulator_assert_http("tappd.sock", "POST", "/prpc/GetKey?json", NULL, "{}", 400, "{");
}

static void test_socket_modes(void) {
  static const struct {
    const char *name;
    mode_t mode;
  } rows[] = {{"dstack.sock", 0777}, {"tappd.sock", 0777}, {"guest.sock", 0600}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *path = simulator_path(rows[i].name);
    struct stat state;
    g_assert_cmpint(stat(path, &state), ==, 0);
    g_assert_cmpuint(state.st_mode & 0777, ==, rows[i].mode);
  }
}

/* ---- life ---- */

static char *instance_id(void) {
  g_autoptr(PrpcMessage) message = info_of("dstack.sock", "");
  const DstackGuest__AppInfo *info = (const DstackGuest__AppInfo *)message;
  return hex_encode(info->instance_id.data, info->instance_id.len);
}

static void test_killed(void) {
  g_autofree char *before = instance_id();
  simulator_stop(SIGKILL);
  simulator_start();
  g_autofree char *after = instance_id();
  g_assert_cmpstr(before, ==, after);
  g_autoptr(VerifiedEvidence) evidence = quote_and_verify("again", 5);
  g_assert_nonnull(evidence);
}

static void assert_does_not_start(void) {
  g_auto(ProcessResult) result = {0};
  const char *const argv[] = {g_getenv("DSTACK_SIMULATOR"), NULL};
  ProcessSpec spec = {.argv = argv, .cwd = simulator_dir(), .timeout_ms = 20000};
  g_assert_true(process_run(&spec, &result, NULL));
  g_assert_true(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 1);
}

static void test_bad_files(void) {
  assert_does_not_start(); /* the sockets are taken */
  int status = simulator_stop(SIGTERM);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  static const char *const names[] = {"appkeys.json", "app-compose.json", "sys-config.json", "seed.hex"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = simulator_path(names[i]);
    g_autoptr(GBytes) good = file_read(path, 1 << 20, NULL);
    g_assert_true(file_write_atomic(path, "{", 1, 0600, NULL));
    assert_does_not_start();
    g_assert_true(file_write_atomic(path, g_bytes_get_data(good, NULL), g_bytes_get_size(good), 0600, NULL));
  }
  simulator_start();
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  simulator_set_up();
  simulator_start();
  g_test_add_func("/simulator/get-key", test_get_key);
  g_test_add_func("/simulator/quote", test_quote);
  g_test_add_func("/simulator/attestation-of-quote", test_attestation_of_quote);
  g_test_add_func("/simulator/attestation-for-app-key", test_attestation_for_app_key);
  g_test_add_func("/simulator/emit-event", test_emit_event);
  g_test_add_func("/simulator/concurrent-events", test_concurrent_events);
  g_test_add_func("/simulator/tls-key", test_tls_key);
  g_test_add_func("/simulator/tls-key-extras", test_tls_key_extras);
  g_test_add_func("/simulator/info", test_info);
  g_test_add_func("/simulator/public-info", test_public_info);
  g_test_add_func("/simulator/info-after-event", test_info_after_event);
  g_test_add_func("/simulator/demo-certificate", test_demo_certificate);
  g_test_add_func("/simulator/guest-api", test_guest_api);
  g_test_add_func("/simulator/wire", test_wire);
  g_test_add_func("/simulator/separate-tables", test_separate_tables);
  g_test_add_func("/simulator/socket-modes", test_socket_modes);
  g_test_add_func("/simulator/killed", test_killed);
  g_test_add_func("/simulator/bad-files", test_bad_files);
  int status = g_test_run();
  simulator_stop(SIGTERM);
  simulator_tear_down();
  return status;
}
