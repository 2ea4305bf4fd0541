/* dstack-util as scripts call it: options, output, exit codes, and what reaches a host and a Docker daemon. */
#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "orphans.h"
#include "prpc/server.h"

#include "host_api.pb-c.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *directory;

static int run(const char *const *arguments, const void *input, gsize len, ProcessResult *result) {
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (gpointer)g_getenv("DSTACK_UTIL"));
  for (guint i = 0; arguments[i]; i++)
    g_ptr_array_add(argv, (gpointer)arguments[i]);
  g_ptr_array_add(argv, NULL);
  ProcessSpec spec = {.argv = (const char *const *)argv->pdata, .input = input, .input_len = len};
  g_assert_true(process_run(&spec, result, NULL));
  g_assert_true(WIFEXITED(result->status));
  return WEXITSTATUS(result->status);
}

static void assert_output(const char *const *arguments, const void *input, gsize len, const char *expected) {
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(arguments, input, len, &result), ==, 0);
  g_assert_cmpstr(result.output, ==, expected);
}

static void assert_fails(const char *const *arguments, int code, const char *text) {
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(arguments, "", 0, &result), ==, code);
  if (!strstr(result.errors, text))
    g_error("expected \"%s\" in \"%s\"", text, result.errors);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_usage(void) {
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(ARGS("--help"), NULL, 0, &result), ==, 0);
  g_assert_nonnull(strstr(result.output, "remove-orphans"));
  assert_fails(ARGS("frobnicate"), 2, "unknown command");
  assert_fails(ARGS("setup", "--work-dir", "/x"), 1, "missing option --device");
  assert_fails(ARGS("rand", "stray"), 1, "unexpected argument");
  assert_fails(ARGS("rand", "--no-such-option"), 1, "no-such-option");
  assert_fails(ARGS("extend", "-e", "a", "-p", "0xabc"), 1, "payload");
  assert_fails(ARGS("quote"), 1, "64 bytes");
}

static void test_hex(void) {
  assert_output(ARGS("hex"), "\x00\xab\xff", 3, "00abff");
  g_autofree char *path = g_build_filename(directory, "file", NULL);
  g_assert_true(file_write_atomic(path, "ab", 2, 0600, NULL));
  assert_output(ARGS("hex", path), NULL, 0, "6162");
  assert_fails(ARGS("hex", "/nonexistent"), 1, "no such file");
}

static void test_rand(void) {
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(ARGS("rand", "-n", "8", "-x"), NULL, 0, &result), ==, 0);
  g_assert_cmpuint(strlen(result.output), ==, 16);
  g_assert_cmpuint(strspn(result.output, "0123456789abcdef"), ==, 16);
  g_auto(ProcessResult) plain = {0};
  g_assert_cmpint(run(ARGS("rand"), NULL, 0, &plain), ==, 0);
  g_assert_cmpuint(plain.output_len, ==, 20);
  g_autofree char *path = g_build_filename(directory, "random", NULL);
  g_auto(ProcessResult) to_file = {0};
  g_assert_cmpint(run(ARGS("rand", "-o", path), NULL, 0, &to_file), ==, 0);
  struct stat state;
  g_assert_cmpint(stat(path, &state), ==, 0);
  g_assert_cmpuint(state.st_mode & 0777, ==, 0600);
  g_assert_cmpint(state.st_size, ==, 20);
  assert_fails(ARGS("rand", "-n", "-1"), 1, "--bytes");
}

typedef struct {
  GMutex lock;
  char *event, *payload;
} Host;

static gboolean notify(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                       GError **error) {
  (void)call, (void)response, (void)error; /* always taken */
  Host *host = data;
  const HostApi__Notification *notification = (const HostApi__Notification *)request;
  g_mutex_lock(&host->lock);
  g_free(host->event);
  g_free(host->payload);
  host->event = g_strdup(notification->event);
  host->payload = g_strdup(notification->payload);
  g_mutex_unlock(&host->lock);
  return TRUE;
}

static PrpcServer *serve(PrpcRouter *router, const char *name) {
  g_autofree char *address = g_strdup_printf("unix:%s/%s", directory, name);
  PrpcServer *server = prpc_server_new(2, 16, NULL);
  PrpcListenOptions options = {0};
  g_autoptr(GError) error = NULL;
  g_assert_cmpuint(prpc_server_listen(server, address, router, &options, &error), >, 0);
  prpc_server_start(server);
  return server;
}

static void test_notify_host(void) {
  Host host = {0};
  PrpcRouter *router = prpc_router_new("host");
  PrpcService *service = prpc_service_new(&host_api__host_api__descriptor, "", &host);
  prpc_service_handle(service, "Notify", notify);
  prpc_router_mount(router, "/api", service);
  PrpcServer *server = serve(router, "host.sock");
  g_autofree char *url = g_strdup_printf("unix:%s/host.sock|/api", directory);
  assert_output(ARGS("notify-host", "-u", url, "-e", "boot.progress", "-d", "starting containers"), NULL, 0, "");
  g_assert_cmpstr(host.event, ==, "boot.progress");
  g_assert_cmpstr(host.payload, ==, "starting containers");
  g_autofree char *long_text = g_strnfill(5000, 'x');
  assert_output(ARGS("notify-host", "-u", url, "-e", "boot.error", "-d", long_text), NULL, 0, "");
  g_assert_cmpuint(strlen(host.payload), ==, 4096); /* the host would drop a longer one whole */
  prpc_server_stop(server);
  prpc_server_free(server);
  prpc_router_free(router);
  g_free(host.event);
  g_free(host.payload);
  assert_fails(ARGS("notify-host", "-u", url, "-e", "boot.error", "-d", "x"), 1, "notify-host: ");
}

#define ID(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

static char *removed_path;

static void docker(PrpcHttpRequest *request, gpointer data) {
  (void)data; /* none */
  if (g_str_equal(prpc_http_method(request), "DELETE")) {
    g_free(removed_path);
    removed_path = g_strconcat(prpc_http_path(request), "?", prpc_http_query(request), NULL);
    prpc_http_reply(request, 204, "application/json", "", 0, NULL);
    return;
  }
  const char *list = "[{\"Id\":\"" ID(
      "aa") "\",\"Labels\":{\"com.docker.compose.project\":\"demo\","
            "\"com.docker.compose.service\":\"gone\"}},"
            "{\"Id\":\"" ID("bb") "\",\"Labels\":{\"com.docker.compose.project\":\"demo\","
                                  "\"com.docker.compose.service\":\"web\"}},"
                                  "{\"Id\":\"" ID(
                                      "cc") "\",\"Labels\":{\"com.docker.compose.project\":\"other\","
                                            "\"com.docker.compose.service\":\"gone\"}},"
                                            "{\"Id\":\"../../x\",\"Labels\":{\"com.docker.compose.project\":\"demo\","
                                            "\"com.docker.compose.service\":\"gone\"}}]";
  prpc_http_reply(request, 200, "application/json", list, strlen(list), NULL);
}

static void test_orphans(void) {
  PrpcRouter *router = prpc_router_new("docker");
  prpc_router_route(router, "GET,DELETE", "/containers/*", 0, docker, NULL);
  PrpcServer *server = serve(router, "docker.sock");
  g_autofree char *url = g_strdup_printf("unix:%s/docker.sock", directory);
  char *services[] = {(char *)"web", NULL};
  OrphanRule rule = {"demo", services, TRUE};
  g_assert_true(orphans_remove(&rule, url, NULL));
  g_assert_null(removed_path);
  rule.dry_run = FALSE;
  g_assert_true(orphans_remove(&rule, url, NULL));
  g_assert_cmpstr(removed_path, ==, "/containers/" ID("aa") "?force=true&v=true");
  prpc_server_stop(server);
  prpc_server_free(server);
  prpc_router_free(router);
  g_free(removed_path);
}

static char *make_container(const char *root, const char *id, const char *service) {
  char *container = g_build_filename(root, "containers", id, NULL);
  g_autofree char *config = g_build_filename(container, "config.v2.json", NULL);
  g_autofree char *text = g_strdup_printf("{\"Config\":{\"Labels\":{\"com.docker.compose.project\":\"demo\","
                                          "\"com.docker.compose.service\":\"%s\"}}}",
                                          service);
  g_assert_true(file_make_dirs(container, 0700, NULL));
  g_assert_true(file_write_atomic(config, text, strlen(text), 0600, NULL));
  return container;
}

static void test_orphans_offline(void) {
  g_autofree char *root = g_build_filename(directory, "docker", NULL);
  g_autofree char *compose = g_build_filename(directory, "demo", "docker-compose.yaml", NULL);
  g_autofree char *project_dir = g_path_get_dirname(compose);
  g_autofree char *gone = make_container(root, ID("aa"), "gone");
  g_autofree char *kept = make_container(root, ID("bb"), "web");
  g_assert_true(file_make_dirs(project_dir, 0700, NULL));
  g_assert_true(file_write_atomic(compose, "services:\n  web: {image: a}\n", strlen("services:\n  web: {image: a}\n"),
                                  0600, NULL));
  assert_output(ARGS("remove-orphans", "--no-dockerd", "-d", root, "-f", compose), NULL, 0, "");
  g_assert_false(g_file_test(gone, G_FILE_TEST_EXISTS));
  g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
  assert_fails(ARGS("remove-orphans", "-f", "/nonexistent"), 1, "no such file");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  directory = g_dir_make_tmp("dstack-util-XXXXXX", NULL);
  g_test_add_func("/dstack-util/usage", test_usage);
  g_test_add_func("/dstack-util/hex", test_hex);
  g_test_add_func("/dstack-util/rand", test_rand);
  g_test_add_func("/dstack-util/notify-host", test_notify_host);
  g_test_add_func("/dstack-util/orphans", test_orphans);
  g_test_add_func("/dstack-util/orphans-offline", test_orphans_offline);
  int status = g_test_run();
  g_assert_true(file_remove_tree(directory, NULL));
  g_free(directory);
  return status;
}
