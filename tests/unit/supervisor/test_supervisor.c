/* The supervisor's state machine, its kept table and its output files, with real but short-lived children. */
#include "supervisor/child.h"
#include "supervisor/config.h"
#include "supervisor/process_config.h"
#include "supervisor/table.h"

#include "base/error.h"
#include "base/file.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 5000

static json_t *shell(const char *id, const char *script) {
  return json_pack("{s:s, s:s, s:[s, s]}", "id", id, "command", "/bin/sh", "args", "-c", script);
}

static gboolean deploy(ProcessTable *table, json_t *config, GError **error) {
  gboolean deployed = process_table_deploy(table, config, error);
  json_decref(config);
  return deployed;
}

static char *status_of(ProcessTable *table, const char *id) {
  g_autoptr(json_t) info = process_table_info(table, id);
  return json_is_null(info) ? g_strdup("none") : json_print(json_object_get(json_object_get(info, "state"), "status"));
}

static void wait_for_status(ProcessTable *table, const char *id, const char *expected) {
  for (guint waited = 0; waited < WAIT_MS; waited += 10) {
    g_autofree char *status = status_of(table, id);
    if (strcmp(status, expected) == 0)
      return;
    g_usleep(10 * 1000);
  }
  g_autofree char *status = status_of(table, id);
  g_assert_cmpstr(status, ==, expected);
}

static pid_t pid_of(ProcessTable *table, const char *id) {
  g_autoptr(json_t) info = process_table_info(table, id);
  return (pid_t)json_integer_value(json_object_get(json_object_get(info, "state"), "pid"));
}

static gboolean started(ProcessTable *table, const char *id) {
  g_autoptr(json_t) info = process_table_info(table, id);
  return json_is_true(json_object_get(json_object_get(info, "state"), "started"));
}

#define expect_refusal(call, text)                                                                                     \
  do {                                                                                                                 \
    g_autoptr(GError) refusal = NULL;                                                                                  \
    g_assert_false(call);                                                                                              \
    g_assert_cmpstr(refusal->message, ==, text);                                                                       \
  } while (0)

static void test_config_shape(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) least = json_pack("{s:s, s:s, s:i}", "id", "a", "command", "true", "unknown", 1);
  g_autoptr(ProcessConfig) config = process_config_parse(least, &error);
  g_assert_no_error(error);
  g_autoptr(json_t) back = process_config_to_json(config);
  g_autofree char *text = json_print(back);
  g_assert_cmpstr(text, ==,
                  "{\"id\":\"a\",\"name\":\"\",\"command\":\"true\",\"args\":[],\"env\":{},\"cwd\":\"\",\"stdout\":\"\","
                  "\"stderr\":\"\",\"pidfile\":\"\",\"cid\":null,\"note\":\"\"}");
  static const char *const wrong[] = {
      "[]", "{}", "{\"id\":\"a\"}", "{\"id\":1,\"command\":\"x\"}", "{\"id\":\"a\",\"command\":\"x\",\"args\":\"y\"}",
      "{\"id\":\"a\",\"command\":\"x\",\"args\":[1]}", "{\"id\":\"a\",\"command\":\"x\",\"env\":{\"A\":1}}",
      "{\"id\":\"a\",\"command\":\"x\",\"env\":{\"A=B\":\"\"}}", "{\"id\":\"a\",\"command\":\"x\",\"cid\":-1}",
      "{\"id\":\"a\",\"command\":\"x\",\"cid\":4294967296}", "{\"id\":\"a\",\"command\":\"x\\u0000y\"}"};
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(json_t) object = json_parse(wrong[i], strlen(wrong[i]), "x", NULL);
    g_assert_nonnull(object);
    g_assert_null(process_config_parse(object, NULL));
  }
}

static void test_states(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(ProcessTable) table = process_table_new(NULL, &error);
  g_assert_no_error(error);
  g_assert_true(deploy(table, shell("a", "sleep 60"), &error));
  wait_for_status(table, "a", "\"running\"");
  expect_refusal(deploy(table, shell("a", "true"), &refusal), "process is already running");
  expect_refusal(process_table_start(table, "a", &refusal), "process is already running");
  expect_refusal(process_table_remove(table, "a", &refusal), "process is started");
  pid_t first = pid_of(table, "a");
  g_assert_true(process_table_stop(table, "a", SIGKILL, 0, &error));
  g_assert_true(process_table_stop(table, "a", SIGKILL, 0, &error)); /* a second stop is no error */
  wait_for_status(table, "a", "\"stopped\"");
  g_assert_false(started(table, "a"));
  g_assert_cmpint(pid_of(table, "a"), ==, first);
  g_assert_cmpint(kill(first, 0), ==, -1);
  g_assert_true(process_table_start(table, "a", &error));
  g_assert_cmpint(pid_of(table, "a"), !=, first);
  g_assert_true(process_table_stop(table, "a", SIGKILL, 0, &error));
  wait_for_status(table, "a", "\"stopped\"");
  g_assert_true(process_table_remove(table, "a", &error));
  expect_refusal(process_table_start(table, "a", &refusal), "process not found");
  expect_refusal(process_table_stop(table, "a", SIGKILL, 0, &refusal), "process not found");
  expect_refusal(process_table_remove(table, "a", &refusal), "process not found");
}

static void test_exits(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(ProcessTable) table = process_table_new(NULL, &error);
  g_assert_true(deploy(table, shell("one", "exit 1"), &error));
  wait_for_status(table, "one", "{\"exited\":256}");
  g_assert_true(started(table, "one"));
  expect_refusal(process_table_remove(table, "one", &refusal), "process is started");
  g_assert_true(process_table_stop(table, "one", SIGKILL, 0, &error));
  wait_for_status(table, "one", "{\"exited\":256}");
  g_assert_true(process_table_remove(table, "one", &error));
  g_assert_true(deploy(table, shell("nine", "kill -9 $$"), &error));
  wait_for_status(table, "nine", "{\"exited\":9}");
  g_assert_true(deploy(table, shell("zero", "true"), &error));
  wait_for_status(table, "zero", "{\"exited\":0}");
  g_assert_true(process_table_stop(table, "zero", SIGKILL, 0, &error));
  wait_for_status(table, "zero", "\"stopped\"");
}

static void test_unrunnable(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(ProcessTable) table = process_table_new(NULL, &error);
  expect_refusal(deploy(table, shell("", "true"), &refusal), "process id is empty");
  g_assert_false(deploy(table, json_pack("{s:s, s:s}", "id", "a", "command", "/no/such/program"), &error));
  g_assert_cmpstr(error->message, ==, "failed to run /no/such/program: no such file or directory");
  g_clear_error(&error);
  g_assert_false(deploy(table, json_pack("{s:s, s:s}", "id", "a", "command", "no-such-program-here"), &error));
  g_clear_error(&error);
  g_assert_false(deploy(table, json_pack("{s:s, s:s, s:s}", "id", "a", "command", "/bin/true", "cwd", "/no/dir"), &error));
  g_clear_error(&error);
  g_autoptr(json_t) none = process_table_list(table);
  g_assert_cmpuint(json_array_size(none), ==, 0);
  /* An older entry stays as it was. */
  g_assert_true(deploy(table, shell("b", "exit 3"), &error));
  wait_for_status(table, "b", "{\"exited\":768}");
  g_assert_false(deploy(table, json_pack("{s:s, s:s}", "id", "b", "command", "/no/such/program"), NULL));
  wait_for_status(table, "b", "{\"exited\":768}");
}

static void test_group_dies(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-supervisor-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "grandchild", NULL);
  g_autofree char *script = g_strdup_printf("sleep 60 & echo $! > %s.new; mv %s.new %s; wait", path, path, path);
  g_autoptr(ProcessTable) table = process_table_new(NULL, &error);
  g_assert_true(deploy(table, shell("wrapper", script), &error));
  for (guint waited = 0; waited < WAIT_MS && !g_file_test(path, G_FILE_TEST_EXISTS); waited += 10)
    g_usleep(10 * 1000);
  g_autofree char *text = file_read_text(path, 64, &error);
  g_assert_no_error(error);
  pid_t grandchild = atoi(text);
  g_assert_cmpuint(child_start_time(grandchild), !=, 0);
  g_assert_true(process_table_stop(table, "wrapper", SIGTERM, 2000, &error));
  wait_for_status(table, "wrapper", "\"stopped\"");
  for (guint waited = 0; waited < WAIT_MS && child_start_time(grandchild); waited += 10)
    g_usleep(10 * 1000);
  g_assert_cmpuint(child_start_time(grandchild), ==, 0);
  /* What ignores the polite signal is killed after the grace. */
  g_assert_true(deploy(table, shell("deaf", "trap '' TERM; while :; do sleep 0.05; done"), &error));
  g_usleep(100 * 1000);
  g_assert_true(process_table_stop(table, "deaf", SIGTERM, 200, &error));
  wait_for_status(table, "deaf", "\"stopped\"");
  g_assert_true(file_remove_tree(dir, NULL));
}

static void wait_for_text(const char *path, const char *expected) {
  g_autofree char *text = NULL;
  for (guint waited = 0; waited < WAIT_MS; waited += 10) {
    g_free(g_steal_pointer(&text));
    text = file_read_text(path, 4096, NULL);
    if (text && strcmp(text, expected) == 0)
      return;
    g_usleep(10 * 1000);
  }
  g_assert_cmpstr(text, ==, expected);
}

static void test_output(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-supervisor-XXXXXX", NULL);
  g_autofree char *log = g_build_filename(dir, "log", NULL);
  g_autofree char *rotated = g_build_filename(dir, "log.1", NULL);
  g_autofree char *pid_path = g_build_filename(dir, "pid", NULL);
  g_autofree char *go = g_build_filename(dir, "go", NULL);
  g_autofree char *script =
      g_strdup_printf("echo one; echo $FLAVOUR >&2; while ! [ -e %s ]; do sleep 0.02; done; echo two; sleep 60", go);
  g_autoptr(ProcessTable) table = process_table_new(NULL, &error);
  json_t *config = shell("a", script);
  json_object_set_new(config, "stdout", json_string(log));
  json_object_set_new(config, "stderr", json_string(log));
  json_object_set_new(config, "pidfile", json_string(pid_path));
  json_object_set_new(config, "env", json_pack("{s:s}", "FLAVOUR", "sour"));
  g_assert_true(deploy(table, config, &error));
  g_autofree char *pid = g_strdup_printf("%d", pid_of(table, "a"));
  wait_for_text(pid_path, pid);
  for (guint waited = 0; waited < WAIT_MS; waited += 10) { /* the two streams may come in either order */
    g_autofree char *text = file_read_text(log, 4096, NULL);
    if (text && strlen(text) == strlen("one\nsour\n"))
      break;
    g_usleep(10 * 1000);
  }
  struct stat st;
  g_assert_cmpint(stat(log, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 0137, ==, 0);
  g_assert_cmpint(g_rename(log, rotated), ==, 0);
  g_assert_true(g_file_set_contents(go, "", 0, NULL));
  wait_for_text(log, "two\n");
  g_assert_true(process_table_shutdown(table, &error));
  g_assert_true(file_remove_tree(dir, NULL));
}

/* A table that is dropped without a shutdown stands for a supervisor that was killed. */
static void test_taken_over(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-supervisor-XXXXXX", NULL);
  g_autofree char *store = g_build_filename(dir, "table.json", NULL);
  g_autofree char *log = g_build_filename(dir, "log", NULL);
  g_autofree char *go = g_build_filename(dir, "go", NULL);
  g_autofree char *script = g_strdup_printf("while ! [ -e %s ]; do sleep 0.02; done; echo back; sleep 60", go);
  g_autoptr(ProcessTable) first = process_table_new(store, &error);
  json_t *config = shell("a", script);
  json_object_set_new(config, "stdout", json_string(log));
  json_object_set_new(config, "cid", json_integer(1001));
  g_assert_true(deploy(first, config, &error));
  g_assert_true(deploy(first, shell("gone", "sleep 60"), &error));
  pid_t pid = pid_of(first, "a"), gone = pid_of(first, "gone");
  struct stat st;
  g_assert_cmpint(stat(store, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 0777, ==, 0600);
  process_table_free(g_steal_pointer(&first));
  g_assert_cmpint(kill(gone, SIGKILL), ==, 0);
  while (child_start_time(gone))
    g_usleep(1000);
  g_autoptr(ProcessTable) second = process_table_new(store, &error);
  g_assert_no_error(error);
  wait_for_status(second, "a", "\"running\"");
  wait_for_status(second, "gone", "{\"error\":\"ended while its exit status could not be seen\"}");
  g_assert_cmpint(pid_of(second, "a"), ==, pid);
  g_assert_true(g_file_set_contents(go, "", 0, NULL));
  wait_for_text(log, "back\n");
  g_assert_true(process_table_stop(second, "a", SIGKILL, 0, &error));
  wait_for_status(second, "a", "\"stopped\"");
  g_assert_true(process_table_remove(second, "a", &error));
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_wrong_process_is_left_alone(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-supervisor-XXXXXX", NULL);
  g_autofree char *store = g_build_filename(dir, "table.json", NULL);
  g_autofree char *boot_id = file_read_text("/proc/sys/kernel/random/boot_id", 64, NULL);
  /* Our own pid with another start time: the pid went to another process. */
  g_autofree char *text = g_strdup_printf(
      "{\"boot_id\":\"%s\",\"processes\":[{\"config\":{\"id\":\"a\",\"command\":\"x\"},\"state\":{\"status\":\"running\","
      "\"started\":true,\"pid\":%d,\"started_at\":1},\"start_time\":12}]}",
      g_strchomp(boot_id), getpid());
  g_assert_true(file_write_atomic(store, text, strlen(text), 0600, &error));
  g_autoptr(ProcessTable) table = process_table_new(store, &error);
  g_assert_no_error(error);
  wait_for_status(table, "a", "{\"error\":\"ended while its exit status could not be seen\"}");
  g_assert_true(file_write_atomic(store, "{", 1, 0600, &error));
  g_assert_null(process_table_new(store, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_clear_and_shutdown(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(ProcessTable) table = process_table_new(NULL, &error);
  g_assert_true(deploy(table, shell("a", "sleep 60"), &error));
  pid_t pid = pid_of(table, "a");
  process_table_clear(table);
  for (guint waited = 0; waited < WAIT_MS && kill(pid, 0) == 0; waited += 10)
    g_usleep(10 * 1000);
  g_assert_cmpint(kill(pid, 0), ==, -1);
  g_assert_true(deploy(table, shell("b", "sleep 60"), &error));
  g_assert_true(process_table_shutdown(table, &error));
  wait_for_status(table, "b", "\"stopped\"");
  expect_refusal(deploy(table, shell("c", "true"), &refusal), "supervisor is freezed");
  expect_refusal(process_table_start(table, "b", &refusal), "supervisor is freezed");
}

static void check_address(const char *address, int port, const char *expected) {
  SupervisorConfig config = {.address = (char *)address, .port = port};
  g_autofree char *got = supervisor_config_address(&config);
  g_assert_cmpstr(got, ==, expected);
}

static void test_addresses(void) {
  check_address("unix:/run/x.sock", 0, "unix:/run/x.sock");
  check_address("127.0.0.1", 0, "127.0.0.1:8000");
  check_address("tcp:127.0.0.1:81", 0, "127.0.0.1:81");
  check_address("127.0.0.1:81", 82, "127.0.0.1:82");
  check_address("::1", 0, "[::1]:8000");
  check_address("[::1]:81", 0, "[::1]:81");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/supervisor/config-shape", test_config_shape);
  g_test_add_func("/supervisor/states", test_states);
  g_test_add_func("/supervisor/exits", test_exits);
  g_test_add_func("/supervisor/unrunnable", test_unrunnable);
  g_test_add_func("/supervisor/group-dies", test_group_dies);
  g_test_add_func("/supervisor/output", test_output);
  g_test_add_func("/supervisor/taken-over", test_taken_over);
  g_test_add_func("/supervisor/wrong-process", test_wrong_process_is_left_alone);
  g_test_add_func("/supervisor/clear-and-shutdown", test_clear_and_shutdown);
  g_test_add_func("/supervisor/addresses", test_addresses);
  return g_test_run();
}
