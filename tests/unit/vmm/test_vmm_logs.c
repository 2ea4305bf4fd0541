/* Log files stay bounded, and so does how often a guest may call. */
#include "vmm/log_rotate.h"
#include "vmm/periodic.h"
#include "vmm/rate.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  char *dir, *path;
  int writer; /* as QEMU and the supervisor have it: opened for appending, never again */
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->dir = g_dir_make_tmp("dstack-logs-XXXXXX", NULL);
  fixture->path = g_build_filename(fixture->dir, "serial.log", NULL);
  fixture->writer = open(fixture->path, O_WRONLY | O_CREAT | O_APPEND, 0640);
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  close(fixture->writer);
  g_assert_true(file_remove_tree(fixture->dir, NULL));
  g_free(fixture->path);
  g_free(fixture->dir);
}

static void print(Fixture *fixture, const char *text) {
  g_assert_cmpint(write(fixture->writer, text, strlen(text)), ==, (gssize)strlen(text));
}

static char *content(Fixture *fixture, const char *suffix) {
  g_autofree char *path = g_strconcat(fixture->path, suffix, NULL);
  return file_read_text(path, 4096, NULL);
}

static void test_rotation(Fixture *fixture, gconstpointer data) {
  (void)data;
  const LogLimits limits = {.max_bytes = 10, .max_backups = 2};
  g_assert_true(log_rotate(fixture->path, &limits, NULL)); /* nothing in it: nothing to do */
  g_assert_null(content(fixture, ".1"));
  print(fixture, "0123456789");
  g_assert_false(log_is_too_large(fixture->path, &limits));
  print(fixture, "ab");
  g_assert_true(log_is_too_large(fixture->path, &limits));
  g_assert_true(log_rotate(fixture->path, &limits, NULL));
  g_autofree char *first = content(fixture, ".1"); /* a backup is bounded too: the end is what counts */
  g_assert_cmpstr(first, ==, "23456789ab");
  print(fixture, "new\n");
  g_autofree char *live = content(fixture, "");
  g_assert_nonnull(strstr(live, "\n===== rotated 12 bytes to serial.log.1 @ 20"));
  g_assert_true(g_str_has_suffix(live, "Z =====\n\nnew\n"));
  for (guint i = 0; i < 3; i++)
    g_assert_true(log_rotate(fixture->path, &limits, NULL));
  g_autofree char *third = content(fixture, ".3"), *second = content(fixture, ".2");
  g_assert_null(third);
  g_assert_nonnull(second);
}

static void test_discard(Fixture *fixture, gconstpointer data) {
  (void)data;
  const LogLimits limits = {.max_bytes = 0, .max_backups = 0};
  print(fixture, "something");
  g_assert_false(log_is_too_large(fixture->path, &limits));
  g_assert_true(log_rotate(fixture->path, &limits, NULL));
  g_assert_true(log_note_boot(fixture->path, NULL));
  g_autofree char *live = content(fixture, ""), *backup = content(fixture, ".1");
  g_assert_null(backup);
  g_assert_nonnull(strstr(live, "\n===== discarded 9 bytes @ "));
  g_assert_nonnull(strstr(live, "\n===== boot @ "));
}

static void test_missing(Fixture *fixture, gconstpointer data) {
  (void)data;
  const LogLimits limits = {.max_bytes = 1, .max_backups = 1};
  g_autofree char *none = g_build_filename(fixture->dir, "none", NULL), *link = g_build_filename(fixture->dir, "link", NULL);
  g_assert_true(log_rotate(none, &limits, NULL) && log_note_boot(none, NULL) && !log_is_too_large(none, &limits));
  g_assert_false(g_file_test(none, G_FILE_TEST_EXISTS));
  print(fixture, "precious");
  g_assert_cmpint(symlink(fixture->path, link), ==, 0);
  g_autoptr(GError) error = NULL;
  g_assert_false(log_rotate(link, &limits, &error)); /* links are not followed */
  g_assert_nonnull(error);
  g_autofree char *kept = content(fixture, "");
  g_assert_cmpstr(kept, ==, "precious");
}

static void test_rate(void) {
  const RateLimit limit = {.per_second = 2, .burst = 3};
  RateBucket bucket = {0};
  gint64 now = 1000;
  for (guint i = 0; i < 3; i++)
    g_assert_true(rate_take(&bucket, &limit, now));
  g_assert_false(rate_take(&bucket, &limit, now));
  g_assert_false(rate_take(&bucket, &limit, now += G_USEC_PER_SEC / 2 - 1));
  g_assert_true(rate_take(&bucket, &limit, now += 1));
  g_assert_false(rate_take(&bucket, &limit, now));
  now += (gint64)G_USEC_PER_SEC * 3600 * 24 * 365; /* it never holds more than a burst */
  for (guint i = 0; i < 3; i++)
    g_assert_true(rate_take(&bucket, &limit, now));
  g_assert_false(rate_take(&bucket, &limit, now));
}

static void count(gpointer data) { g_atomic_int_inc((gint *)data); }

static void test_periodic(void) {
  gint rounds = 0;
  Periodic *task = periodic_start("test", 1, count, &rounds);
  g_usleep(1300 * 1000);
  periodic_stop(task);
  g_assert_cmpint(g_atomic_int_get(&rounds), ==, 1);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add("/vmm/logs/rotation", Fixture, NULL, set_up, test_rotation, tear_down);
  g_test_add("/vmm/logs/discard", Fixture, NULL, set_up, test_discard, tear_down);
  g_test_add("/vmm/logs/missing", Fixture, NULL, set_up, test_missing, tear_down);
  g_test_add_func("/vmm/rate", test_rate);
  g_test_add_func("/vmm/periodic", test_periodic);
  return g_test_run();
}
