/* Emitting and evidence on the simulated platform, and what must go wrong when something did go wrong. */
#include "base/error.h"
#include "base/file.h"
#include "fixture.h"
#include "tdx/app_info.h"
#include "tdx/simulated.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
  char *directory;
  SimulatedPki *pki;
  TdxEventLog *boot_log;
  TdxPlatform *platform;
} Machine;

static TdxPlatform *power_on(Machine *machine, GError **error) {
  const guint8 mrtd[48] = {1}, mr_config_id[48] = {1, 2};
  return tdx_platform_simulated(machine->pki, mrtd, mr_config_id, machine->boot_log, machine->directory, error);
}

static TdxEventLog *boot_log(guint8 seed) {
  TdxEventLog *log = tdx_event_log_new();
  g_autoptr(GBytes) payload = g_bytes_new("boot", 4);
  for (guint imr = 0; imr < 3; imr++)
    g_ptr_array_add(log, tdx_event_new(imr, 4, (const guint8[48]){seed, (guint8)imr}, "", payload));
  return log;
}

static void set_up(Machine *machine, gconstpointer unused) {
  (void)unused;
  machine->directory = g_dir_make_tmp("dstack-tdx-XXXXXX", NULL);
  g_autoptr(Secret) seed = secret_new_zero(32);
  machine->pki = simulated_pki_new(seed, NULL);
  machine->boot_log = boot_log(9);
  g_autoptr(GError) error = NULL;
  machine->platform = power_on(machine, &error);
  g_assert_no_error(error);
}

static void tear_down(Machine *machine, gconstpointer unused) {
  (void)unused;
  tdx_platform_free(machine->platform);
  g_ptr_array_unref(machine->boot_log);
  simulated_pki_free(machine->pki);
  g_assert_true(file_remove_tree(machine->directory, NULL));
  g_free(machine->directory);
}

static void emit(TdxPlatform *platform, const char *name, gsize len) {
  const guint8 payload[64] = {1, 2, 3};
  g_autoptr(GError) error = NULL;
  g_assert_true(tdx_emit_event(platform, name, payload, len, &error));
  g_assert_no_error(error);
}

static void expect_emit(TdxPlatform *platform, int code) {
  g_autoptr(GError) error = NULL;
  g_assert_false(tdx_emit_event(platform, "event", "", 0, &error));
  g_assert_error(error, DSTACK_ERROR, code);
}

static void expect_evidence(TdxPlatform *platform, int code) {
  const guint8 report_data[64] = {0};
  g_autoptr(GError) error = NULL;
  g_assert_null(tdx_get_evidence(platform, report_data, &error));
  g_assert_error(error, DSTACK_ERROR, code);
}

static TdxEvidence *evidence(TdxPlatform *platform) {
  const guint8 report_data[64] = {4, 5, 6};
  g_autoptr(GError) error = NULL;
  TdxEvidence *result = tdx_get_evidence(platform, report_data, &error);
  g_assert_no_error(error);
  return result;
}

static void test_evidence(Machine *machine, gconstpointer unused) {
  (void)unused;
  emit(machine->platform, "system-preparing", 0);
  emit(machine->platform, "app-id", 20);
  emit(machine->platform, "compose-hash", 32);
  emit(machine->platform, "boot-mr-done", 0);
  g_autoptr(TdxEvidence) result = evidence(machine->platform);
  g_assert_cmpuint(result->log->len, ==, 7);
  g_autoptr(Quote) quote = quote_parse(result->quote, NULL);
  g_assert_cmphex(quote->td.report_data[2], ==, 6);
  g_assert_cmphex(quote->td.mr_td[0], ==, 1);
  g_assert_cmphex(quote->td.mr_config_id[1], ==, 2);
  g_autofree char *json = tdx_event_log_print(result->log);
  g_autoptr(TdxEventLog) carried = tdx_event_log_parse(json, strlen(json), NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppInfo) info = app_info_decode(quote, carried, APP_INFO_BOOT_TIME, &error); /* replays all registers */
  g_assert_no_error(error);
  struct stat st;
  g_assert_cmpint(stat(machine->platform->runtime_log_path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 0777, ==, 0600);
}

static void test_survives_restart(Machine *machine, gconstpointer unused) {
  (void)unused;
  emit(machine->platform, "app-id", 20);
  g_autoptr(TdxPlatform) again = power_on(machine, NULL);
  emit(again, "compose-hash", 32);
  g_autoptr(TdxEvidence) result = evidence(machine->platform);
  g_assert_cmpuint(result->log->len, ==, 5);
  g_clear_pointer(&machine->boot_log, g_ptr_array_unref);
  machine->boot_log = boot_log(10);
  g_autoptr(GError) error = NULL;
  g_assert_null(power_on(machine, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

/* The rule is chosen once, before the first event, and then holds for every process. */
static void test_event_version(Machine *machine, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_assert_false(tdx_choose_event_version(machine->platform, 3, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_true(tdx_choose_event_version(machine->platform, 2, &error));
  g_assert_true(tdx_choose_event_version(machine->platform, 2, &error));
  g_assert_false(tdx_choose_event_version(machine->platform, 1, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS);
  g_autoptr(TdxPlatform) again = power_on(machine, NULL);
  emit(again, "app-id", 20);
  g_autoptr(TdxEvidence) result = evidence(machine->platform);
  const TdxEvent *event = g_ptr_array_index(result->log, 3);
  g_assert_cmpuint(event->version, ==, 2);
  guint8 expected[48];
  tdx_runtime_digest_v2("app-id", g_bytes_get_data(event->payload, NULL), 20, expected);
  g_assert_cmpmem(event->digest, 48, expected, 48);
}

static void test_event_version_too_late(Machine *machine, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  emit(machine->platform, "app-id", 20);
  g_assert_false(tdx_choose_event_version(machine->platform, 2, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_registers(Machine *machine, gconstpointer unused) {
  (void)unused;
  const TdxPlatformOps *ops = machine->platform->ops;
  guint8 value[48], digest[48] = {1};
  for (guint index = 0; index < 4; index++) {
    g_autoptr(GError) error = NULL;
    gboolean extended = ops->extend_rtmr(machine->platform, index, digest, &error);
    g_assert_cmpint(extended, ==, index >= 2);
    g_assert_true(ops->read_rtmr(machine->platform, index, value, NULL));
  }
  g_assert_false(ops->extend_rtmr(machine->platform, 4, digest, NULL));
  g_assert_false(ops->read_rtmr(machine->platform, 4, value, NULL));
}

static void test_lost_event(Machine *machine, gconstpointer unused) {
  (void)unused;
  emit(machine->platform, "app-id", 20);
  const guint8 digest[48] = {1};
  g_assert_true(machine->platform->ops->extend_rtmr(machine->platform, 3, digest, NULL));
  expect_emit(machine->platform, DSTACK_ERROR_UNVERIFIED);
  expect_evidence(machine->platform, DSTACK_ERROR_UNVERIFIED);
}

static void set_log(Machine *machine, const char *text) {
  g_assert_true(g_file_set_contents(machine->platform->runtime_log_path, text, -1, NULL));
}

static void test_edited_log(Machine *machine, gconstpointer unused) {
  (void)unused;
  emit(machine->platform, "app-id", 20);
  g_autofree char *line = NULL;
  g_assert_true(g_file_get_contents(machine->platform->runtime_log_path, &line, NULL, NULL));
  set_log(machine, "");
  expect_evidence(machine->platform, DSTACK_ERROR_UNVERIFIED);
  line[strlen(line) - 1] = '\0';
  set_log(machine, line); /* no newline: cut off while it was written */
  expect_evidence(machine->platform, DSTACK_ERROR_INVALID);
  set_log(machine, "nonsense\n");
  expect_evidence(machine->platform, DSTACK_ERROR_INVALID);
  g_assert_cmpint(g_remove(machine->platform->runtime_log_path), ==, 0);
  g_assert_cmpint(symlink("/dev/null", machine->platform->runtime_log_path), ==, 0);
  expect_evidence(machine->platform, DSTACK_ERROR_IO);
}

static void test_missing_log(Machine *machine, gconstpointer unused) {
  (void)unused;
  emit(machine->platform, "app-id", 20);
  char *good = machine->platform->runtime_log_path;
  machine->platform->runtime_log_path = "/nonexistent/log";
  expect_emit(machine->platform, DSTACK_ERROR_UNVERIFIED); /* the register is not zero */
  machine->platform->runtime_log_path = good;
  emit(machine->platform, "still-good", 0);
}

static gboolean refuse(TdxPlatform *self, guint index, const guint8 digest[48], GError **error) {
  (void)self, (void)index, (void)digest;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "refused");
  return FALSE;
}

static const TdxPlatformOps *real_ops;

/* Extends, and then takes away the log, as a full disk or a kill would. */
static gboolean extend_and_spoil(TdxPlatform *self, guint index, const guint8 digest[48], GError **error) {
  gboolean extended = real_ops->extend_rtmr(self, index, digest, error);
  (void)g_remove(self->runtime_log_path);
  g_assert_cmpint(g_mkdir(self->runtime_log_path, 0700), ==, 0);
  return extended;
}

static void test_half_done(Machine *machine, gconstpointer unused) {
  (void)unused;
  real_ops = machine->platform->ops;
  TdxPlatformOps ops = *real_ops;
  machine->platform->ops = &ops;
  ops.extend_rtmr = refuse;
  expect_emit(machine->platform, DSTACK_ERROR_UNAVAILABLE);
  ops.extend_rtmr = real_ops->extend_rtmr;
  emit(machine->platform, "after-a-refusal", 0); /* nothing had happened */
  ops.extend_rtmr = extend_and_spoil;
  expect_emit(machine->platform, DSTACK_ERROR_IO);
  ops.extend_rtmr = real_ops->extend_rtmr;
  expect_emit(machine->platform, DSTACK_ERROR_UNVERIFIED);
  expect_evidence(machine->platform, DSTACK_ERROR_UNVERIFIED);
  machine->platform->ops = real_ops;
}

static GBytes *other_quote(TdxPlatform *self, const guint8 report_data[64], GError **error) {
  guint8 other[64];
  memcpy(other, report_data, sizeof other);
  other[63] ^= 1;
  return real_ops->get_quote(self, other, error);
}

static void test_wrong_quote(Machine *machine, gconstpointer unused) {
  (void)unused;
  real_ops = machine->platform->ops;
  TdxPlatformOps ops = *real_ops;
  ops.get_quote = other_quote;
  machine->platform->ops = &ops;
  expect_evidence(machine->platform, DSTACK_ERROR_UNVERIFIED);
  machine->platform->ops = real_ops;
}

#define EMITTERS 4
#define EVENTS_EACH 8

static gpointer emit_many(gpointer data) {
  g_autoptr(TdxPlatform) platform = power_on(data, NULL);
  for (guint i = 0; i < EVENTS_EACH; i++)
    emit(platform, "racing", i);
  return NULL;
}

static void test_concurrent(Machine *machine, gconstpointer unused) {
  (void)unused;
  GThread *threads[EMITTERS];
  for (guint i = 0; i < EMITTERS; i++)
    threads[i] = g_thread_new("emitter", emit_many, machine);
  for (guint i = 0; i < EMITTERS; i++)
    g_thread_join(threads[i]);
  g_autoptr(TdxEvidence) result = evidence(machine->platform);
  g_assert_cmpuint(result->log->len, ==, 3 + EMITTERS * EVENTS_EACH);
}

static void test_bad_names(Machine *machine, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_assert_false(tdx_emit_event(machine->platform, "a:b", "", 0, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_autoptr(TdxEvidence) result = evidence(machine->platform);
  g_assert_cmpuint(result->log->len, ==, 3);
}

static void test_linux_without_device(void) {
  const guint8 digest[48] = {0};
  g_setenv("DCAP_TDX_QUOTE_CONFIGFS_PATH", "relative", TRUE);
  g_autoptr(GError) error = NULL;
  g_assert_null(tdx_platform_linux(&error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_setenv("DCAP_TDX_QUOTE_CONFIGFS_PATH", "/nonexistent/report/entry", TRUE);
  g_setenv("DCAP_TDX_RTMR_SYSFS_PATH", "/nonexistent/measurements", TRUE);
  g_setenv("DSTACK_CCEL_FILE", "/nonexistent/ccel", TRUE);
  g_autoptr(TdxPlatform) platform = tdx_platform_linux(&error);
  g_assert_no_error(error);
  g_assert_null(platform->ops->get_quote(platform, (const guint8[64]){0}, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  g_clear_error(&error);
  g_assert_false(platform->ops->extend_rtmr(platform, 3, digest, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  g_clear_error(&error);
  g_assert_false(platform->ops->extend_rtmr(platform, 1, digest, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_null(platform->ops->boot_log(platform, NULL));
}

#define ADD(name, function) g_test_add("/tdx/platform/" name, Machine, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/platform/linux-without-device", test_linux_without_device);
  ADD("evidence", test_evidence);
  ADD("survives-restart", test_survives_restart);
  ADD("event-version", test_event_version);
  ADD("event-version-too-late", test_event_version_too_late);
  ADD("registers", test_registers);
  ADD("lost-event", test_lost_event);
  ADD("edited-log", test_edited_log);
  ADD("missing-log", test_missing_log);
  ADD("half-done", test_half_done);
  ADD("wrong-quote", test_wrong_quote);
  ADD("concurrent", test_concurrent);
  ADD("bad-names", test_bad_names);
  return g_test_run();
}
