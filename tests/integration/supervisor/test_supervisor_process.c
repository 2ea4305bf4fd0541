/* The real supervisor over its socket: every answer's shape, and that its children outlive a kill -9 of it. */
#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "prpc/client.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 5000
#define POLL_MS 20

static const char *program;

typedef struct {
  char *dir, *socket, *pid_file, *log;
} Fixture;

static pid_t read_pid(const char *path) {
  g_autofree char *text = file_read_text(path, 32, NULL);
  return text ? atoi(text) : -1;
}

static char *http(Fixture *fixture, const char *verb, const char *path, const char *body, int *status) {
  g_autofree char *url = g_strconcat("unix:", fixture->socket, NULL);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  g_autoptr(GBytes) answer =
      prpc_client_http(client, verb, path, NULL, body, body ? strlen(body) : 0, 1 << 20, status, NULL);
  return answer ? g_strndup(g_bytes_get_data(answer, NULL), g_bytes_get_size(answer)) : NULL;
}

static void expect(Fixture *fixture, const char *verb, const char *path, const char *body, const char *expected) {
  int status = 0;
  g_autofree char *answer = http(fixture, verb, path, body, &status);
  g_assert_cmpstr(answer, ==, expected);
  g_assert_cmpint(status, ==, 200);
}

static void expect_status(Fixture *fixture, const char *verb, const char *path, const char *body, int expected) {
  int status = 0;
  g_autofree char *answer = http(fixture, verb, path, body, &status);
  g_assert_cmpint(status, ==, expected);
}

static void launch(Fixture *fixture) {
  const char *const argv[] = {program,    "--uds", fixture->socket, "--pid-file",            fixture->pid_file,
                              "--log-file", fixture->log, "--detach",     "--remove-existing-uds", NULL};
  g_autoptr(GError) error = NULL;
  (void)unlink(fixture->pid_file);
  g_assert_true(process_check(argv, NULL, &error));
  for (guint waited = 0; waited < WAIT_MS; waited += POLL_MS) {
    int status = 0;
    g_autofree char *answer = http(fixture, "GET", "/ping", NULL, &status);
    if (g_strcmp0(answer, "{\"data\":\"pong\"}") == 0 && read_pid(fixture->pid_file) > 0)
      return;
    g_usleep(POLL_MS * 1000);
  }
  g_assert_not_reached();
}

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->dir = g_dir_make_tmp("dstack-sv-XXXXXX", NULL);
  fixture->socket = g_build_filename(fixture->dir, "s.sock", NULL);
  fixture->pid_file = g_build_filename(fixture->dir, "pid", NULL);
  fixture->log = g_build_filename(fixture->dir, "log", NULL);
  launch(fixture);
}

static void wait_until_gone(pid_t pid) {
  for (guint waited = 0; waited < WAIT_MS && kill(pid, 0) == 0; waited += POLL_MS)
    g_usleep(POLL_MS * 1000);
  g_assert_cmpint(kill(pid, 0), ==, -1);
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  pid_t pid = read_pid(fixture->pid_file);
  expect(fixture, "POST", "/shutdown", NULL, "{\"data\":null}");
  wait_until_gone(pid);
  g_assert_true(file_remove_tree(fixture->dir, NULL));
  g_free(fixture->dir);
  g_free(fixture->socket);
  g_free(fixture->pid_file);
  g_free(fixture->log);
}

static json_t *info(Fixture *fixture, const char *id) {
  int status;
  g_autofree char *path = g_strconcat("/info/", id, NULL), *answer = http(fixture, "GET", path, NULL, &status);
  g_autoptr(json_t) object = json_parse(answer, strlen(answer), "answer", NULL);
  return json_incref(json_object_get(object, "data"));
}

static char *status_of(Fixture *fixture, const char *id) {
  g_autoptr(json_t) data = info(fixture, id);
  return json_print(json_object_get(json_object_get(data, "state"), "status"));
}

static void wait_for_status(Fixture *fixture, const char *id, const char *expected) {
  g_autofree char *status = NULL;
  for (guint waited = 0; waited < WAIT_MS; waited += POLL_MS) {
    g_free(status);
    status = status_of(fixture, id);
    if (strcmp(status, expected) == 0)
      return;
    g_usleep(POLL_MS * 1000);
  }
  g_assert_cmpstr(status, ==, expected);
}

#define SLEEPER "{\"id\":\"s\",\"command\":\"sleep\",\"args\":[\"60\"],\"cid\":7,\"note\":\"n\",\"more\":1}"

static void test_answers(Fixture *fixture, gconstpointer data) {
  (void)data;
  expect(fixture, "GET", "/list", NULL, "{\"data\":[]}");
  expect(fixture, "GET", "/info/none", NULL, "{\"data\":null}");
  expect(fixture, "POST", "/deploy", SLEEPER, "{\"data\":null}");
  expect(fixture, "POST", "/deploy", SLEEPER, "{\"error\":\"process is already running\"}");
  expect(fixture, "DELETE", "/remove/s", NULL, "{\"error\":\"process is started\"}");
  g_autoptr(json_t) before = info(fixture, "s");
  g_autofree char *config = json_print(json_object_get(before, "config"));
  g_assert_cmpstr(config, ==,
                  "{\"id\":\"s\",\"name\":\"\",\"command\":\"sleep\",\"args\":[\"60\"],\"env\":{},\"cwd\":\"\",\"stdout\":\"\","
                  "\"stderr\":\"\",\"pidfile\":\"\",\"cid\":7,\"note\":\"n\"}");
  expect(fixture, "POST", "/stop/s", "null", "{\"data\":null}");
  wait_for_status(fixture, "s", "\"stopped\"");
  expect(fixture, "POST", "/start/s", "null", "{\"data\":null}");
  expect(fixture, "POST", "/stop/s?signal=TERM&timeout=5", "null", "{\"data\":null}");
  wait_for_status(fixture, "s", "\"stopped\"");
  expect(fixture, "DELETE", "/remove/s", NULL, "{\"data\":null}");
  expect(fixture, "POST", "/start/s", "null", "{\"error\":\"process not found\"}");
  expect(fixture, "POST", "/deploy", "{\"id\":\"\",\"command\":\"sleep\"}", "{\"error\":\"process id is empty\"}");
}

static void test_bad_requests(Fixture *fixture, gconstpointer data) {
  (void)data;
  expect_status(fixture, "POST", "/deploy", "not json", 400);
  expect_status(fixture, "POST", "/deploy", "{\"id\":\"a\"}", 422);
  expect_status(fixture, "POST", "/nothing", NULL, 404);
  expect_status(fixture, "GET", "/deploy", NULL, 404);
  g_autofree char *large = g_strnfill((1 << 20) + 1, ' ');
  expect_status(fixture, "POST", "/deploy", large, 413);
  expect(fixture, "GET", "/list", NULL, "{\"data\":[]}");
}

static void test_killed(Fixture *fixture, gconstpointer data) {
  (void)data;
  expect(fixture, "POST", "/deploy", SLEEPER, "{\"data\":null}");
  g_autoptr(json_t) before = info(fixture, "s");
  pid_t child = (pid_t)json_integer_value(json_object_get(json_object_get(before, "state"), "pid"));
  pid_t supervisor = read_pid(fixture->pid_file);
  g_assert_cmpint(kill(supervisor, SIGKILL), ==, 0);
  wait_until_gone(supervisor);
  g_assert_cmpint(kill(child, 0), ==, 0);
  launch(fixture);
  g_autoptr(json_t) after = info(fixture, "s");
  g_assert_true(json_equal(before, after));
  expect(fixture, "POST", "/stop/s", NULL, "{\"data\":null}");
  wait_for_status(fixture, "s", "\"stopped\"");
  wait_until_gone(child);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  program = argc > 1 ? argv[1] : NULL;
  if (!program)
    return 77;
  g_test_add("/supervisor/process/answers", Fixture, NULL, set_up, test_answers, tear_down);
  g_test_add("/supervisor/process/bad-requests", Fixture, NULL, set_up, test_bad_requests, tear_down);
  g_test_add("/supervisor/process/killed", Fixture, NULL, set_up, test_killed, tear_down);
  return g_test_run();
}
