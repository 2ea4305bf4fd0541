/* The verifier service over HTTP, and its one-shot form, on a CVM of a simulated TEE that booted a small image. */
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "prpc/client.h"
#include "world.h"

#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX_SIZE (1024 * 1024)
#define START_TIMEOUT_MS 10000
#define POLL_MS 20

typedef struct {
  World *world;
  GPid pid;
  PrpcClient *client;
} Service;

static guint16 free_port(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
  close(fd);
  return ntohs(address.sin_port);
}

static char *write_config(const World *world, guint16 port) {
  g_autofree char *text = g_strdup_printf("address = \"127.0.0.1\"\nport = %u\nimage_cache_dir = \"%s\"\n"
                                          "image_download_url = \"%s\"\n"
                                          "[attestation]\ninsecure_allow_external_trust_anchors = true\n"
                                          "collateral_file = \"%s\"\nroot_ca.tdx = \"%s\"\n",
                                          port, world->sample->cache_dir, double_url(world->server),
                                          world->sample->collateral_path, world->sample->root_path);
  return world_write(world, "dstack-verifier.toml", text, -1);
}

static json_t *http(const Service *service, const char *verb, const char *path, const char *body, int *status) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) answer = prpc_client_http(service->client, verb, path, "application/json", body,
                                              body ? strlen(body) : 0, ANSWER_MAX_SIZE, status, &error);
  if (!answer)
    return NULL;
  return json_parse(g_bytes_get_data(answer, NULL), g_bytes_get_size(answer), "answer", NULL);
}

static char *http_text(const Service *service, const char *path, int *status) {
  g_autoptr(GBytes) answer =
      prpc_client_http(service->client, "GET", path, "text/plain", NULL, 0, ANSWER_MAX_SIZE, status, NULL);
  gsize len;
  const char *text = g_bytes_get_data(answer, &len);
  return g_strndup(text, len);
}

static void wait_until_healthy(const Service *service) {
  for (guint waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    int status = 0;
    g_autoptr(json_t) health = http(service, "GET", "/health", NULL, &status);
    if (health) {
      g_autofree char *text = json_print(health);
      g_assert_cmpint(status, ==, 200);
      g_assert_cmpstr(text, ==, "{\"status\":\"ok\",\"service\":\"dstack-verifier\"}");
      return;
    }
    g_usleep(POLL_MS * 1000);
  }
  g_error("the service did not start");
}

/* A test that fails takes its service with it. */
static void die_with_parent(gpointer user_data) {
  (void)user_data; /* the callback's shape is GLib's */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void service_start(Service *out) {
  out->world = world_new();
  guint16 port = free_port();
  g_autofree char *config = write_config(out->world, port);
  char *argv[] = {(char *)g_getenv("VERIFIER_PROGRAM"), (char *)"-c", config, NULL};
  g_autoptr(GError) error = NULL;
  g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL, &out->pid, &error);
  g_assert_no_error(error);
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", port);
  out->client = prpc_client_new(url, NULL);
  wait_until_healthy(out);
}

static void service_clear(Service *service) {
  int status;
  kill(service->pid, SIGTERM);
  g_assert_cmpint(waitpid(service->pid, &status, 0), ==, service->pid);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  prpc_client_free(service->client);
  world_free(service->world);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Service, service_clear)

/* Posts the world's request with one member replaced (NULL: as it is). */
static json_t *verify_with(const Service *service, const char *key, json_t *value) {
  g_autoptr(json_t) request = world_request(service->world);
  if (key)
    json_object_set_new(request, key, value);
  g_autofree char *body = json_print(request);
  int status = 0;
  json_t *answer = http(service, "POST", "/verify", body, &status);
  g_assert_cmpint(status, ==, 200);
  g_assert_nonnull(answer);
  return answer;
}

static void assert_flags(const json_t *answer, gboolean quote, gboolean image, gboolean log) {
  const json_t *details = json_object_get(answer, "details");
  g_assert_cmpint(json_is_true(json_object_get(details, "quote_verified")), ==, quote);
  g_assert_cmpint(json_is_true(json_object_get(details, "os_image_hash_verified")), ==, image);
  g_assert_cmpint(json_is_true(json_object_get(details, "event_log_verified")), ==, log);
  gboolean all = quote && image && log;
  g_assert_cmpint(json_is_true(json_object_get(answer, "is_valid")), ==, all);
  g_assert_cmpint(json_is_null(json_object_get(answer, "reason")), ==, all);
  g_assert_cmpint(json_is_null(json_object_get(details, "app_info")), ==, !all);
}

static void assert_reason(const json_t *answer, const char *part) {
  const char *reason = json_string_value(json_object_get(answer, "reason"));
  g_assert_nonnull(reason);
  if (!strstr(reason, part))
    g_error("'%s' is not in: %s", part, reason);
}

static void test_valid(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  g_autoptr(json_t) answer = verify_with(&service, NULL, NULL);
  assert_flags(answer, TRUE, TRUE, TRUE);
  const json_t *details = json_object_get(answer, "details");
  const json_t *info = json_object_get(details, "app_info");
  g_assert_cmpstr(json_string_value(json_object_get(details, "tcb_status")), ==, "UpToDate");
  g_assert_cmpstr(json_string_value(json_object_get(details, "trust_anchor")), ==, "external");
  g_assert_cmpstr(json_string_value(json_object_get(details, "os_image_version")), ==, "9.9.9");
  g_assert_true(json_is_true(json_object_get(details, "os_image_is_dev")));
  g_assert_true(g_str_has_prefix(json_string_value(json_object_get(details, "report_data")), "61206368616c6c656e6765"));
  g_assert_true(g_str_has_prefix(json_string_value(json_object_get(info, "compose_hash")),
                                 json_string_value(json_object_get(info, "app_id"))));
  g_assert_cmpstr(json_string_value(json_object_get(info, "os_image_hash")), ==, service.world->sample->image_hash);
  g_assert_cmpstr(json_string_value(json_object_get(json_object_get(details, "key_provider"), "name")), ==, "none");
  g_assert_nonnull(json_object_get(json_object_get(details, "boot_info"), "mrAggregated"));
  g_autofree char *text = json_print(answer);
  g_assert_true(g_str_has_prefix(text,
                                 "{\"is_valid\":true,\"details\":{\"quote_verified\":true,\"event_log_verified\":true,"
                                 "\"os_image_hash_verified\":true,"));
  /* Again, with the image remembered; a request's own PCCS is not asked. */
  g_autoptr(json_t) again = verify_with(&service, "pccs_url", json_string("http://127.0.0.1:1/"));
  g_assert_true(json_equal(answer, again));
}

static void test_bad_evidence(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  gsize len;
  const guint8 *good = g_bytes_get_data(service.world->sample->quote, &len);
  g_autofree guint8 *raw = g_memdup2(good, len);
  raw[600] ^= 1;
  g_autofree char *flipped = hex_encode(raw, len), *cut = hex_encode(good, 700);
  g_autoptr(json_t) bad_quote = verify_with(&service, "quote", json_string(flipped));
  assert_flags(bad_quote, FALSE, FALSE, FALSE);
  assert_reason(bad_quote, "quote verification failed: signature invalid: quote");
  g_autoptr(json_t) truncated = verify_with(&service, "quote", json_string(cut));
  assert_flags(truncated, FALSE, FALSE, FALSE);
  assert_reason(truncated, "quote verification failed: parse error");
  g_autoptr(json_t) no_hex = verify_with(&service, "quote", json_string("xyz"));
  assert_reason(no_hex, "internal error: quote: ");
  g_autoptr(json_t) no_log = verify_with(&service, "event_log", json_string(""));
  assert_flags(no_log, FALSE, FALSE, FALSE);
  g_autoptr(json_t) events =
      json_parse(service.world->sample->event_log, strlen(service.world->sample->event_log), "log", NULL);
  json_array_remove(events, json_array_size(events) - 1);
  g_autofree char *shorter = json_print(events);
  g_autoptr(json_t) other_log = verify_with(&service, "event_log", json_string(shorter));
  assert_flags(other_log, FALSE, FALSE, FALSE);
  assert_reason(other_log, "rtmr mismatch");
  g_autoptr(json_t) newer = verify_with(&service, "attestation", json_string("00"));
  assert_reason(newer, "quote verification failed: ");
}

static void test_other_image(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  g_autofree char *unknown =
      sample_vm_config(service.world->sample, 2, "00000000000000000000000000000000000000000000000000000000000000ff");
  g_autoptr(json_t) missing = verify_with(&service, "vm_config", json_string(unknown));
  assert_flags(missing, TRUE, FALSE, FALSE);
  assert_reason(missing, "os image hash verification failed: ");
  assert_reason(missing, "failed to download");
  g_autoptr(json_t) traversal =
      verify_with(&service, "vm_config",
                  json_string("{\"os_image_hash\":\"../../etc\",\"cpu_count\":2,\"memory_size\":2147483648}"));
  assert_flags(traversal, TRUE, FALSE, FALSE);
  g_autoptr(json_t) nothing = verify_with(&service, "vm_config", json_string("{}"));
  assert_reason(nothing, "os_image_hash");
  g_autofree char *initrd = g_build_filename(service.world->sample->image_dir, "initramfs.cpio.gz", NULL);
  g_assert_true(g_file_set_contents(initrd, "an initrD", -1, NULL));
  g_autoptr(json_t) damaged = verify_with(&service, NULL, NULL);
  assert_flags(damaged, TRUE, FALSE, FALSE);
  assert_reason(damaged, "initramfs.cpio.gz does not match");
}

/* Another number of CPUs means other ACPI tables, so RTMR0 alone differs. */
static void test_other_shape(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  g_autofree char *vm_config = sample_vm_config(service.world->sample, 3, NULL);
  g_autoptr(json_t) request = world_request(service.world);
  json_object_set_new(request, "vm_config", json_string(vm_config));
  json_object_set_new(request, "debug", json_true());
  g_autofree char *body = json_print(request);
  int status = 0;
  g_autoptr(json_t) answer = http(&service, "POST", "/verify", body, &status);
  assert_flags(answer, TRUE, FALSE, FALSE);
  assert_reason(answer, "mrs do not match: RTMR0 mismatch: expected=");
  const json_t *registers = json_object_get(json_object_get(answer, "details"), "rtmr_debug");
  g_assert_cmpuint(json_array_size(registers), ==, 1);
  const json_t *events = json_object_get(json_array_get(registers, 0), "events");
  guint mismatches = 0;
  size_t i;
  json_t *event;
  json_array_foreach(events, i, event) mismatches +=
      g_str_equal(json_string_value(json_object_get(event, "status")), "mismatch");
  g_assert_cmpuint(mismatches, >, 0);
  g_assert_cmpuint(mismatches, <=, 3);
}

/* An image that is not there is downloaded once, and a damaged one is put right. */
static void test_download(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  g_autoptr(GBytes) archive = world_archive(service.world);
  double_serve(service.world->server, SERVE_GOOD, archive);
  g_assert_true(file_remove_tree(service.world->sample->image_dir, NULL));
  for (guint i = 0; i < 2; i++) {
    g_autoptr(json_t) answer = verify_with(&service, NULL, NULL);
    assert_flags(answer, TRUE, TRUE, TRUE);
  }
  g_assert_cmpuint(double_requests(service.world->server), ==, 1);
  int status = 0;
  g_autofree char *metrics = http_text(&service, "/metrics", &status);
  g_assert_cmpint(status, ==, 200);
  g_assert_nonnull(strstr(metrics, "dstack_verifier_verdicts_total{valid=\"true\"} 2\n"));
  g_assert_nonnull(strstr(metrics, "dstack_verifier_image_downloads_total 1\n"));
}

/* Quote, log and vm_config in one piece; the other members then do not count. */
static void test_attestation(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  g_autofree char *path = world_path(service.world, "attestation.json"), *body = NULL;
  g_assert_true(g_file_get_contents(path, &body, NULL, NULL));
  int status = 0;
  g_autoptr(json_t) answer = http(&service, "POST", "/verify", body, &status);
  assert_flags(answer, TRUE, TRUE, TRUE);
  const json_t *details = json_object_get(answer, "details");
  g_assert_true(json_is_true(json_object_get(details, "acpi_tables_verified")));
  g_assert_cmpstr(json_string_value(json_object_get(details, "os_image_version")), ==, "9.9.9");
}

static void test_bad_requests(void) {
  g_auto(Service) service = {0};
  service_start(&service);
  static const struct {
    const char *body;
    int status;
  } requests[] = {{"", 400},
                  {"{", 400},
                  {"{\"quote\":\"\",\"quote\":\"\"}", 400},
                  {"[]", 422},
                  {"{}", 422},
                  {"{\"quote\":\"00\"}", 422},
                  {"{\"quote\":\"00\",\"event_log\":[],\"vm_config\":\"{}\"}", 422},
                  {"{\"quote\":\"00\",\"event_log\":\"[]\",\"vm_config\":\"{}\",\"debug\":1}", 422}};
  for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
    int status = 0;
    g_autoptr(json_t) answer = http(&service, "POST", "/verify", requests[i].body, &status);
    g_assert_cmpint(status, ==, requests[i].status);
    g_assert_true(json_is_string(json_object_get(answer, "error")));
  }
  g_autofree char *large = g_strnfill(1024 * 1024 + 1, ' ');
  int status = 0;
  g_autoptr(json_t) refused = http(&service, "POST", "/verify", large, &status);
  g_assert_cmpint(status, ==, 413);
  g_autoptr(json_t) wrong_verb = http(&service, "GET", "/verify", NULL, &status);
  g_assert_cmpint(status, >=, 404);
}

static void test_start_refused(void) {
  g_autoptr(World) world = world_new();
  g_autofree char *no_switch = g_strdup_printf("[attestation]\ncollateral_file = \"%s\"\nroot_ca.tdx = \"%s\"\n",
                                               world->sample->collateral_path, world->sample->root_path);
  const struct {
    const char *text, *expected;
  } configs[] = {{no_switch, "insecure_allow_external_trust_anchors"},
                 {"address = \"localhost\"\n", "not an ip address"},
                 {"port = \"x\"\n", "port"},
                 {"image_download_url = \"https://example.com/\"\n", "image_download_url"},
                 {"image_download_url = \"ftp://example.com/{OS_IMAGE_HASH}\"\n", "image_download_url"}};
  for (gsize i = 0; i < G_N_ELEMENTS(configs); i++) {
    g_autofree char *path = world_write(world, "bad.toml", configs[i].text, -1), *output = NULL, *errors = NULL;
    const char *arguments[] = {"-c", path, NULL};
    g_assert_cmpint(run_verifier(arguments, &output, &errors), !=, 0);
    if (!strstr(errors, configs[i].expected))
      g_error("'%s' is not in: %s", configs[i].expected, errors);
  }
}

static void test_one_shot(void) {
  g_autoptr(World) world = world_new();
  g_autofree char *config = write_config(world, 0);
  g_autoptr(json_t) request = world_request(world);
  g_autofree char *body = json_print(request), *path = world_write(world, "request.json", body, -1), *output = NULL;
  const char *arguments[] = {"-c", config, "--verify", path, NULL};
  g_assert_cmpint(run_verifier(arguments, &output, NULL), ==, 0);
  g_autoptr(json_t) printed = json_parse(output, strlen(output), "output", NULL);
  assert_flags(printed, TRUE, TRUE, TRUE);
  g_autofree char *result = g_strconcat(path, ".verification.json", NULL);
  g_autoptr(json_t) written = json_parse_file(result, ANSWER_MAX_SIZE, NULL);
  g_assert_true(json_equal(printed, written));
  g_autofree char *empty = world_write(world, "empty.json", "{}", -1), *refused = NULL;
  const char *bad[] = {"-c", config, "--verify", empty, NULL};
  g_assert_cmpint(run_verifier(bad, &refused, NULL), ==, 1);
  g_autoptr(json_t) answer = json_parse(refused, strlen(refused), "output", NULL);
  g_assert_true(json_is_false(json_object_get(answer, "is_valid")));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/verifier/service/valid", test_valid);
  g_test_add_func("/verifier/service/bad-evidence", test_bad_evidence);
  g_test_add_func("/verifier/service/other-image", test_other_image);
  g_test_add_func("/verifier/service/other-shape", test_other_shape);
  g_test_add_func("/verifier/service/download", test_download);
  g_test_add_func("/verifier/service/attestation", test_attestation);
  g_test_add_func("/verifier/service/bad-requests", test_bad_requests);
  g_test_add_func("/verifier/service/start-refused", test_start_refused);
  g_test_add_func("/verifier/service/one-shot", test_one_shot);
  return g_test_run();
}
