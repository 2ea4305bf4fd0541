/* Calls against an agent of a few lines on a unix socket: what is asked, and what is made of each kind of answer. */
#include "dstack/dstack.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct {
  const char *path; /* NULL: ends the table; then every other path is an unknown method */
  int status;
  const char *body;
} Answer;

typedef struct {
  char *directory, *socket;
  int listener;
  const Answer *answers;
  GString *asked; /* a line for each request: path, space, body */
  GThread *thread;
  dstack_client *client;
} Fake;

static char *body_of(GString *request) {
  char *end = strstr(request->str, "\r\n\r\n");
  char *length = end ? strstr(request->str, "Content-Length: ") : NULL;
  if (!length)
    return NULL;
  gsize size = g_ascii_strtoull(length + strlen("Content-Length: "), NULL, 10);
  return strlen(end + 4) >= size ? end + 4 : NULL;
}

static void answer_request(Fake *fake, int connection, const char *path, const char *body) {
  const Answer *answer = fake->answers;
  while (answer->path && strcmp(answer->path, path) != 0)
    answer++;
  int status = answer->path ? answer->status : 400;
  const char *text = answer->path ? answer->body : "{\"error\":\"service not found\"}";
  g_string_append_printf(fake->asked, "%s %s\n", path, body);
  g_autofree char *response = g_strdup_printf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                              status, strlen(text), text);
  (void)!write(connection, response, strlen(response)); /* a client that went away is none of the agent's business */
}

static gpointer serve(gpointer data) {
  Fake *fake = data;
  for (int connection; (connection = accept(fake->listener, NULL, NULL)) >= 0; close(connection)) {
    g_autoptr(GString) request = g_string_new(NULL);
    char buffer[4096], path[256] = "";
    gssize received;
    while (!body_of(request) && (received = read(connection, buffer, sizeof buffer)) > 0)
      g_string_append_len(request, buffer, received);
    if (!body_of(request))
      continue;
    g_assert_cmpint(sscanf(request->str, "POST %255s HTTP/1.1\r\n", path), ==, 1);
    g_assert_nonnull(strstr(request->str, "\r\nHost: localhost\r\n"));
    g_assert_nonnull(strstr(request->str, "\r\nContent-Type: application/json\r\n"));
    answer_request(fake, connection, path, body_of(request));
  }
  return NULL;
}

static Fake *fake_new(const Answer *answers) {
  Fake *fake = g_new0(Fake, 1);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  fake->directory = g_dir_make_tmp("dstack-sdk-XXXXXX", NULL);
  fake->socket = g_build_filename(fake->directory, "agent.sock", NULL);
  g_strlcpy(address.sun_path, fake->socket, sizeof address.sun_path);
  fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(fake->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(fake->listener, 4), ==, 0);
  fake->answers = answers;
  fake->asked = g_string_new(NULL);
  fake->thread = g_thread_new("agent", serve, fake);
  fake->client = dstack_client_new(fake->socket);
  g_assert_cmpstr(dstack_client_endpoint(fake->client), ==, fake->socket);
  return fake;
}

static void fake_free(Fake *fake) {
  dstack_client_free(fake->client);
  shutdown(fake->listener, SHUT_RDWR);
  g_thread_join(fake->thread);
  close(fake->listener);
  g_unlink(fake->socket);
  g_rmdir(fake->directory);
  g_free(fake->socket);
  g_free(fake->directory);
  g_string_free(fake->asked, TRUE);
  g_free(fake);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fake, fake_free)

static void check_asked(Fake *fake, const char *expected) {
  g_assert_cmpstr(fake->asked->str, ==, expected);
  g_string_truncate(fake->asked, 0);
}

#define KEY                                                                                                            \
  "{\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\",\"signature_chain\":[\"02\",\"\"]}"

static void test_get_key(void) {
  const Answer answers[] = {{"/GetKey", 200, KEY}, {"/Version", 200, "{\"version\":\"0.5.7\"}"}, {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  const char *const defaults[] = {NULL, "", "secp256k1"};
  dstack_key key;
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpint(dstack_get_key(fake->client, "p", NULL, defaults[i], &key, NULL), ==, DSTACK_OK);
    g_assert_cmpint(key.key[31], ==, 1);
    g_assert_cmpuint(key.signature_chain.count, ==, 2);
    g_assert_cmpint(key.signature_chain.items[0].data[0], ==, 2);
    g_assert_cmpuint(key.signature_chain.items[1].size, ==, 0);
    dstack_key_clear(&key);
    check_asked(fake, "/GetKey {\"path\":\"p\",\"purpose\":\"\"}\n");
  }
  g_assert_cmpint(dstack_get_key(fake->client, NULL, "q", "k256", &key, NULL), ==, DSTACK_OK);
  dstack_key_clear(&key);
  check_asked(fake, "/GetKey {\"path\":\"\",\"purpose\":\"q\",\"algorithm\":\"k256\"}\n");
  g_assert_cmpint(dstack_get_key(fake->client, "p", "q", "ed25519", &key, NULL), ==, DSTACK_OK);
  dstack_key_clear(&key);
  check_asked(fake, "/Version {}\n/GetKey {\"path\":\"p\",\"purpose\":\"q\",\"algorithm\":\"ed25519\"}\n");
  g_assert_cmpint(dstack_get_key(fake->client, "\xff", NULL, NULL, &key, NULL), ==, DSTACK_INVALID);
  check_asked(fake, "");
}

static void test_old_agents(void) {
  const Answer old[] = {{"/GetKey", 200, KEY}, {NULL}};
  const Answer none[] = {{"/GetKey", 200, KEY}, {"/Version", 200, "{\"version\":\"\"}"}, {NULL}};
  const Answer page[] = {{"/GetKey", 200, KEY}, {"/Version", 200, "<html>"}, {NULL}};
  const Answer *const tables[] = {old, none, page};
  for (guint i = 0; i < 3; i++) {
    g_autoptr(Fake) fake = fake_new(tables[i]);
    dstack_error error;
    dstack_key key;
    dstack_tls_key tls_key;
    g_assert_cmpint(dstack_get_key(fake->client, "p", "q", "ed25519", &key, &error), ==, DSTACK_UNSUPPORTED);
    g_assert_cmpstr(error.message, ==,
                    "algorithm \"ed25519\" is not supported: OS version too old (Version RPC unavailable)");
    const uint64_t end = 1;
    const dstack_tls_key_options options = {.not_after = &end, .with_app_info = true};
    g_assert_cmpint(dstack_get_tls_key(fake->client, &options, &tls_key, &error), ==, DSTACK_UNSUPPORTED);
    g_assert_cmpstr(
        error.message, ==,
        "TLS key options [not_after, with_app_info] are not supported: OS version too old (Version RPC unavailable)");
  }
}

static void test_probe_failures(void) {
  const Answer answers[] = {{"/GetKey", 200, KEY}, {"/Version", 503, ""}, {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  dstack_key key;
  dstack_error error;
  g_assert_cmpint(dstack_get_key(fake->client, "p", "q", "ed25519", &key, &error), ==, DSTACK_REFUSED);
  g_assert_cmpint(error.http_status, ==, 503);
  dstack_client *nobody = dstack_client_new("/nonexistent/dstack.sock");
  g_assert_cmpint(dstack_get_key(nobody, "p", "q", "ed25519", &key, &error), ==, DSTACK_UNREACHABLE);
  g_assert_cmpstr(error.message, ==, "failed to call Version: cannot connect to /nonexistent/dstack.sock");
  g_assert_false(dstack_is_reachable(nobody));
  dstack_client_free(nobody);
}

static void test_tls_key(void) {
  const Answer answers[] = {{"/GetTlsKey", 200, "{\"key\":\"k\",\"certificate_chain\":[\"a\",\"b\"]}"},
                            {"/Version", 200, "{\"version\":\"0.5.7\"}"},
                            {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  dstack_tls_key key;
  g_assert_cmpint(dstack_get_tls_key(fake->client, NULL, &key, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(key.key, ==, "k");
  g_assert_cmpstr(key.certificate_chain.items[1], ==, "b");
  dstack_tls_key_clear(&key);
  check_asked(
      fake,
      "/GetTlsKey {\"subject\":\"\",\"usage_ra_tls\":false,\"usage_server_auth\":true,\"usage_client_auth\":false}\n");
  const char *const names[] = {"x", "y"};
  const uint64_t begin = 1, end = 2, beyond = UINT64_MAX;
  dstack_tls_key_options options = {"s", names, 2, true, true, true, true, &begin, &end};
  g_assert_cmpint(dstack_get_tls_key(fake->client, &options, &key, NULL), ==, DSTACK_OK);
  dstack_tls_key_clear(&key);
  check_asked(fake, "/Version {}\n/GetTlsKey {\"subject\":\"s\",\"usage_ra_tls\":true,\"usage_server_auth\":false,"
                    "\"usage_client_auth\":true,\"alt_names\":[\"x\",\"y\"],\"not_before\":1,\"not_after\":2,\"with_"
                    "app_info\":true}\n");
  options.not_after = &beyond;
  g_assert_cmpint(dstack_get_tls_key(fake->client, &options, &key, NULL), ==, DSTACK_INVALID);
}

static void test_other_requests(void) {
  const Answer answers[] = {{"/EmitEvent", 200, "null"},
                            {"/Attest", 200, "{\"attestation\":\"00ff\"}"},
                            {"/GpuInfo", 200, "{\"attestation\":\"{}\"}"},
                            {"/Sign", 200, "{\"signature\":\"01\",\"signature_chain\":[\"02\"],\"public_key\":\"03\"}"},
                            {"/Verify", 200, "{\"valid\":true}"},
                            {"/GetQuote", 200, "{\"quote\":\"0102\",\"event_log\":\"[]\",\"report_data\":\"03\"}"},
                            {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  dstack_bytes attestation;
  dstack_signature signature;
  dstack_quote quote;
  char *gpu;
  bool valid = false;
  g_assert_cmpint(dstack_emit_event(fake->client, "e", "\x01", 1, NULL), ==, DSTACK_OK);
  g_assert_cmpint(dstack_attest(fake->client, "\x02", 1, &attestation, NULL), ==, DSTACK_OK);
  g_assert_cmpmem(attestation.data, attestation.size, "\x00\xff", 2);
  dstack_bytes_clear(&attestation);
  g_assert_cmpint(dstack_gpu_info(fake->client, &gpu, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(gpu, ==, "{}");
  dstack_string_free(gpu);
  g_assert_cmpint(dstack_sign(fake->client, "ed25519", "\x03", 1, &signature, NULL), ==, DSTACK_OK);
  g_assert_cmpint(signature.public_key.data[0], ==, 3);
  dstack_signature_clear(&signature);
  g_assert_cmpint(dstack_verify(fake->client, "ed25519", "\x04", 1, "\x05", 1, "\x06", 1, &valid, NULL), ==, DSTACK_OK);
  g_assert_true(valid);
  g_assert_cmpint(dstack_get_quote(fake->client, NULL, 0, &quote, NULL), ==, DSTACK_OK);
  g_assert_cmpmem(quote.quote.data, quote.quote.size, "\x01\x02", 2);
  g_assert_cmpint(quote.report_data[0], ==, 3);
  g_assert_cmpstr(quote.vm_config, ==, "");
  dstack_quote_clear(&quote);
  check_asked(fake, "/EmitEvent {\"event\":\"e\",\"payload\":\"01\"}\n/Attest {\"report_data\":\"02\"}\n/GpuInfo {}\n"
                    "/Sign {\"algorithm\":\"ed25519\",\"data\":\"03\"}\n"
                    "/Verify {\"algorithm\":\"ed25519\",\"data\":\"04\",\"signature\":\"05\",\"public_key\":\"06\"}\n"
                    "/GetQuote {\"report_data\":\"\"}\n");
}

static void test_legacy_requests(void) {
  const Answer answers[] = {{"/prpc/Tappd.DeriveKey", 200, "{\"key\":\"k\",\"certificate_chain\":[]}"},
                            {"/prpc/Tappd.TdxQuote", 200, "{\"quote\":\"\",\"event_log\":\"[]\"}"},
                            {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  g_autofree char *zeros = g_strnfill(126, '0');
  const char *const names[] = {"n"};
  dstack_tls_key key;
  dstack_quote quote;
  g_assert_cmpint(dstack_tappd_derive_key(fake->client, "/p", NULL, names, 1, &key, NULL), ==, DSTACK_OK);
  g_assert_cmpuint(key.certificate_chain.count, ==, 0);
  dstack_tls_key_clear(&key);
  g_assert_cmpint(dstack_tappd_tdx_quote(fake->client, "\x01", 1, "raw", &quote, NULL), ==, DSTACK_OK);
  dstack_quote_clear(&quote);
  g_assert_cmpint(dstack_tappd_tdx_quote(fake->client, "\x01", 1, NULL, &quote, NULL), ==, DSTACK_OK);
  dstack_quote_clear(&quote);
  g_autofree char *expected =
      g_strdup_printf("/prpc/Tappd.DeriveKey {\"path\":\"/p\",\"subject\":\"/p\",\"alt_names\":[\"n\"]}\n"
                      "/prpc/Tappd.TdxQuote {\"report_data\":\"%s01\",\"hash_algorithm\":\"raw\"}\n"
                      "/prpc/Tappd.TdxQuote {\"report_data\":\"01\",\"hash_algorithm\":\"\"}\n",
                      zeros);
  check_asked(fake, expected);
}

static void test_limits(void) {
  const Answer answers[] = {{NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  uint8_t large[65] = {0};
  dstack_error error;
  dstack_quote quote;
  dstack_bytes attestation;
  dstack_signature signature;
  g_assert_cmpint(dstack_get_quote(fake->client, large, 65, &quote, &error), ==, DSTACK_INVALID);
  g_assert_nonnull(strstr(error.message, "report data is too large"));
  g_assert_cmpint(dstack_attest(fake->client, large, 65, &attestation, NULL), ==, DSTACK_INVALID);
  g_assert_cmpint(dstack_tappd_tdx_quote(fake->client, large, 65, "raw", &quote, NULL), ==, DSTACK_INVALID);
  g_assert_cmpint(dstack_emit_event(fake->client, "", NULL, 0, NULL), ==, DSTACK_INVALID);
  g_assert_cmpint(dstack_sign(fake->client, "secp256k1_prehashed", large, 65, &signature, &error), ==, DSTACK_INVALID);
  g_assert_nonnull(strstr(error.message, "32-byte digest"));
  check_asked(fake, "");
}

static void check_answer(int status, const char *body, dstack_status expected, const char *message) {
  const Answer answers[] = {{"/GpuInfo", status, body}, {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  dstack_error error = {0};
  char *text = NULL;
  g_assert_cmpint(dstack_gpu_info(fake->client, &text, &error), ==, expected);
  if (expected == DSTACK_OK)
    dstack_string_free(text);
  else
    g_assert_cmpstr(error.message, ==, message);
}

static void test_answers(void) {
  check_answer(200, "{\"attestation\":\"\",\"error\":null}", DSTACK_OK, NULL);
  check_answer(200, "{\"attestation\":\"\",\"error\":{\"code\":1}}", DSTACK_OK, NULL);
  check_answer(200, "{\"attestation\":\"\",\"error\":\"no\"}", DSTACK_REFUSED,
               "failed to call GpuInfo: status 200: no");
  check_answer(200, "{\"error\":\"\"}", DSTACK_REFUSED, "failed to call GpuInfo: status 200: unknown error");
  check_answer(400, "{\"error\":\"no such thing\"}", DSTACK_REFUSED,
               "failed to call GpuInfo: status 400: no such thing");
  check_answer(500, "oops", DSTACK_REFUSED, "failed to call GpuInfo: status 500: oops");
  check_answer(302, "{\"attestation\":\"\"}", DSTACK_REFUSED,
               "failed to call GpuInfo: status 302: {\"attestation\":\"\"}");
  check_answer(200, "{}", DSTACK_MALFORMED, "the answer's member attestation is missing");
  check_answer(200, "{\"attestation\":1}", DSTACK_MALFORMED, "the answer's member attestation is not plain text");
  check_answer(200, "{\"attestation\":\"a\\u0000b\"}", DSTACK_MALFORMED,
               "the answer's member attestation is not plain text");
  check_answer(200, "null", DSTACK_MALFORMED, "the answer's member attestation is missing");
}

static void test_malformed_bytes(void) {
  static const char *const bodies[] = {
      "{\"key\":\"01\",\"signature_chain\":[]}",
      "{\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\"}",
      "{\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\",\"signature_chain\":[\"0\"]}",
      "{\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\",\"signature_chain\":[\"00\",1]}",
      "{\"key\":\"zz\",\"signature_chain\":[]}",
      "[]",
      "{"};
  for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
    const Answer answers[] = {{"/GetKey", 200, bodies[i]}, {NULL}};
    g_autoptr(Fake) fake = fake_new(answers);
    dstack_key key;
    g_assert_cmpint(dstack_get_key(fake->client, "", "", NULL, &key, NULL), ==, DSTACK_MALFORMED);
  }
}

#define INFO                                                                                                           \
  "{\"app_id\":\"01\",\"instance_id\":\"02\",\"app_cert\":\"\",\"app_name\":\"n\",\"device_id\":\"03\",\"key_"         \
  "provider_info\":\"\","                                                                                              \
  "\"compose_hash\":\"04\",\"tcb_info\":\"%s\"}"

static void test_info(void) {
  g_autofree char *full = g_strdup_printf(INFO, "{\\\"mrtd\\\":\\\"ab\\\",\\\"event_log\\\":[]}");
  g_autofree char *hidden = g_strdup_printf(INFO, "");
  g_autofree char *wrong = g_strdup_printf(INFO, "[]");
  const Answer answers[] = {{"/Info", 200, full}, {"/prpc/Tappd.Info", 200, hidden}, {NULL}};
  g_autoptr(Fake) fake = fake_new(answers);
  dstack_info info;
  g_assert_cmpint(dstack_get_info(fake->client, &info, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(info.app_id, ==, "01");
  g_assert_cmpstr(info.mr_aggregated, ==, "");
  g_assert_cmpstr(info.tcb_info.mrtd, ==, "ab");
  g_assert_cmpstr(info.tcb_info.event_log, ==, "[]");
  dstack_info_clear(&info);
  g_assert_cmpint(dstack_tappd_get_info(fake->client, &info, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(info.tcb_info.mrtd, ==, "");
  dstack_info_clear(&info);
  g_assert_true(dstack_is_reachable(fake->client));
  const Answer bad[] = {{"/Info", 200, wrong}, {NULL}};
  g_autoptr(Fake) other = fake_new(bad);
  g_assert_cmpint(dstack_get_info(other->client, &info, NULL), ==, DSTACK_MALFORMED);
}

/* A listener that nobody accepts from: the connection stands, and no answer comes. */
static void test_timeout(void) {
  g_autofree char *directory = g_dir_make_tmp("dstack-sdk-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(directory, "agent.sock", NULL);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(listener, 1), ==, 0);
  dstack_client *client = dstack_client_new(path);
  dstack_version version;
  dstack_client_set_timeout_ms(client, 50);
  g_assert_cmpint(dstack_get_version(client, &version, NULL), ==, DSTACK_TIMEOUT);
  dstack_client_free(client);
  close(listener);
  g_unlink(path);
  g_rmdir(directory);
}

static void check_endpoint(dstack_client *client, const char *expected) {
  g_assert_cmpstr(dstack_client_endpoint(client), ==, expected);
  dstack_client_free(client);
}

static void test_endpoints(void) {
  g_setenv("http_proxy", "http://127.0.0.1:1", TRUE); /* all tests pass in spite of it */
  g_setenv("DSTACK_SIMULATOR_ENDPOINT", "/d.sock", TRUE);
  g_setenv("TAPPD_SIMULATOR_ENDPOINT", "/t.sock", TRUE);
  check_endpoint(dstack_client_new("http://x/"), "http://x/");
  check_endpoint(dstack_client_new(NULL), "/d.sock");
  check_endpoint(dstack_tappd_client_new(NULL), "/t.sock");
  g_setenv("DSTACK_SIMULATOR_ENDPOINT", "", TRUE); /* counts as unset */
  g_unsetenv("TAPPD_SIMULATOR_ENDPOINT");
  dstack_client *client = dstack_client_new(NULL);
  g_assert_true(g_str_has_suffix(dstack_client_endpoint(client), "/dstack.sock"));
  dstack_client_free(client);
  client = dstack_tappd_client_new(NULL);
  g_assert_true(g_str_has_suffix(dstack_client_endpoint(client), "/tappd.sock"));
  dstack_client_free(client);
}

static void test_clear_of_zero(void) {
  dstack_key key = {0};
  dstack_quote quote = {0};
  dstack_info info = {0};
  dstack_key_clear(&key);
  dstack_quote_clear(&quote);
  dstack_info_clear(&info);
  dstack_client_free(NULL);
  dstack_string_free(NULL);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sdk-c/rpc/endpoints", test_endpoints);
  g_test_add_func("/sdk-c/rpc/get-key", test_get_key);
  g_test_add_func("/sdk-c/rpc/old-agents", test_old_agents);
  g_test_add_func("/sdk-c/rpc/probe-failures", test_probe_failures);
  g_test_add_func("/sdk-c/rpc/tls-key", test_tls_key);
  g_test_add_func("/sdk-c/rpc/other-requests", test_other_requests);
  g_test_add_func("/sdk-c/rpc/legacy-requests", test_legacy_requests);
  g_test_add_func("/sdk-c/rpc/limits", test_limits);
  g_test_add_func("/sdk-c/rpc/answers", test_answers);
  g_test_add_func("/sdk-c/rpc/malformed-bytes", test_malformed_bytes);
  g_test_add_func("/sdk-c/rpc/info", test_info);
  g_test_add_func("/sdk-c/rpc/timeout", test_timeout);
  g_test_add_func("/sdk-c/rpc/clear-of-zero", test_clear_of_zero);
  return g_test_run();
}
