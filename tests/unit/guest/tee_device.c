/* The simulated kernel interfaces without a file system, and the config that describes them. */
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "guest/tee-simulator/anchors.h"
#include "guest/tee-simulator/config.h"
#include "guest/tee-simulator/device.h"
#include "guest/tee-simulator/install.h"
#include "tdx/simulated.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define SEED "0101010101010101010101010101010101010101010101010101010101010101"
#define MR "020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202"
#define EVENT "{\"imr\":0,\"event_type\":4,\"digest\":\"" MR "\",\"event\":\"\",\"event_payload\":\"00\"}"
#define CONFIG(platform, seed, mrtd, log)                                                                                \
  "{\"platform\":\"" platform "\",\"mock_attestation_seed\":\"" seed "\",\"mrtd\":\"" mrtd "\",\"mr_config_id\":\"" MR "\","  \
  "\"boot_log\":" log ",\"later\":true}"

typedef struct {
  char *directory;
  TeeDevice *device;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  const char *text = CONFIG("dstack-tdx", SEED, MR, "[" EVENT "]");
  g_autoptr(GError) error = NULL;
  g_autoptr(TeeConfig) config = tee_config_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  fixture->directory = g_dir_make_tmp("dstack-tee-XXXXXX", NULL);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(config->seed, &error);
  g_assert_no_error(error);
  TdxPlatform *platform =
      tdx_platform_simulated(pki, config->mrtd, config->mr_config_id, config->boot_log, fixture->directory, &error);
  g_assert_no_error(error);
  fixture->device = tee_device_new(platform, &error);
  g_assert_no_error(error);
}

static void tear_down(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  tee_device_free(fixture->device);
  g_assert_true(file_remove_tree(fixture->directory, NULL));
  g_free(fixture->directory);
}

static GBytes *read_node(Fixture *fixture, const char *path) {
  int errnum = 0;
  GBytes *content = tee_device_read(fixture->device, tee_node_find(path), &errnum);
  g_assert_cmpint(errnum, ==, 0);
  return content;
}

static void expect_text(Fixture *fixture, const char *path, const char *expected) {
  g_autoptr(GBytes) content = read_node(fixture, path);
  g_assert_cmpmem(g_bytes_get_data(content, NULL), g_bytes_get_size(content), expected, strlen(expected));
}

static int write_node(Fixture *fixture, const char *path, gsize len) {
  const guint8 data[128] = {7};
  return tee_device_write(fixture->device, tee_node_find(path), data, len);
}

#define ENTRY "/tsm/report/com.intel.dcap"

static void test_quote(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  int errnum = 0;
  expect_text(fixture, ENTRY "/provider", "tdx_guest\n");
  expect_text(fixture, ENTRY "/generation", "0\n");
  g_assert_null(tee_device_read(fixture->device, tee_node_find(ENTRY "/outblob"), &errnum));
  g_assert_cmpint(errnum, ==, EINVAL);
  g_assert_cmpint(write_node(fixture, ENTRY "/inblob", 63), ==, EINVAL);
  g_assert_cmpint(write_node(fixture, ENTRY "/inblob", 65), ==, EINVAL);
  expect_text(fixture, ENTRY "/generation", "0\n");
  g_assert_cmpint(write_node(fixture, ENTRY "/inblob", 64), ==, 0);
  expect_text(fixture, ENTRY "/generation", "1\n");
  g_autoptr(GBytes) raw = read_node(fixture, ENTRY "/outblob");
  g_autoptr(Quote) quote = quote_parse(raw, NULL);
  g_assert_cmphex(quote->td.report_data[0], ==, 7);
  g_assert_cmphex(quote->td.mr_td[0], ==, 2);
  g_assert_cmpint(write_node(fixture, "/measurements/rtmr3:sha384", 48), ==, 0);
  g_autoptr(GBytes) same = read_node(fixture, ENTRY "/outblob"); /* until the next request */
  g_assert_true(g_bytes_equal(raw, same));
  g_assert_cmpint(write_node(fixture, ENTRY "/inblob", 64), ==, 0);
  g_autoptr(GBytes) next = read_node(fixture, ENTRY "/outblob");
  g_assert_false(g_bytes_equal(raw, next));
}

static void test_registers(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) before = read_node(fixture, "/measurements/rtmr2:sha384");
  g_assert_cmpuint(g_bytes_get_size(before), ==, 48);
  g_assert_cmpint(write_node(fixture, "/measurements/rtmr2:sha384", 47), ==, EINVAL);
  g_assert_cmpint(write_node(fixture, "/measurements/rtmr2:sha384", 48), ==, 0);
  g_autoptr(GBytes) after = read_node(fixture, "/measurements/rtmr2:sha384");
  g_assert_false(g_bytes_equal(before, after));
  g_assert_cmpint(write_node(fixture, "/measurements/rtmr0:sha384", 48), ==, EACCES);
  g_assert_cmpint(write_node(fixture, "/measurements/rtmr1:sha384", 48), ==, EACCES);
  g_assert_cmpint(write_node(fixture, "/ccel", 48), ==, EACCES);
  g_assert_cmpint(write_node(fixture, ENTRY, 48), ==, EISDIR);
}

static void test_ccel(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) table = read_node(fixture, "/ccel");
  g_autoptr(TdxEventLog) log = tdx_ccel_parse(g_bytes_get_data(table, NULL), g_bytes_get_size(table), NULL);
  g_autofree char *text = tdx_event_log_print(log);
  g_assert_cmpstr(text, ==, "[" EVENT "]");
}

static void test_tree(void) {
  g_assert_null(tee_node_find("/measurements/"));
  g_assert_null(tee_node_find(""));
  const TeeNode *root = tee_node_find("/"), *entry = tee_node_find(ENTRY), *report = tee_node_find("/tsm/report");
  g_assert_true(tee_node_is_in(tee_node_find("/ccel"), root));
  g_assert_true(tee_node_is_in(tee_node_find("/tsm"), root));
  g_assert_false(tee_node_is_in(report, root));
  g_assert_false(tee_node_is_in(root, root));
  g_assert_true(tee_node_is_in(entry, report));
  g_assert_true(tee_node_is_in(tee_node_find(ENTRY "/inblob"), entry));
  g_assert_cmpstr(tee_node_name(entry), ==, "com.intel.dcap");
}

static void test_config_refused(void) {
  const struct {
    const char *text;
    int code;
  } bad[] = {
      {"", DSTACK_ERROR_INVALID},
      {"[]", DSTACK_ERROR_INVALID},
      {"{}", DSTACK_ERROR_INVALID},
      {CONFIG("dstack-gcp-tdx", SEED, MR, "[]"), DSTACK_ERROR_NOT_IMPLEMENTED},
      {CONFIG("dstack-tdx", "01", MR, "[]"), DSTACK_ERROR_INVALID},
      {CONFIG("dstack-tdx", SEED "00", MR, "[]"), DSTACK_ERROR_INVALID},
      {CONFIG("dstack-tdx", SEED, "", "[]"), DSTACK_ERROR_INVALID},
      {CONFIG("dstack-tdx", SEED, MR, "{}"), DSTACK_ERROR_INVALID},
      {CONFIG("dstack-tdx", SEED, MR, "[1]"), DSTACK_ERROR_INVALID},
      {CONFIG("dstack-tdx", SEED, MR, "[{\"imr\":3,\"event_type\":134217729,\"event\":\"app-id\",\"event_payload\":\"\"}]"),
       DSTACK_ERROR_INVALID},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(tee_config_parse(bad[i].text, strlen(bad[i].text), &error));
    g_assert_error(error, DSTACK_ERROR, bad[i].code);
  }
}

static mode_t mode_of(const char *directory, const char *name) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  struct stat st;
  return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

static char *content_of(const char *directory, const char *name) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

/* What the host makes and what the guest makes from the seed alone is the same. */
static void test_host_and_guest_agree(void) {
  g_autofree char *base = g_dir_make_tmp("dstack-tee-XXXXXX", NULL);
  g_autofree char *host = g_build_filename(base, "host", NULL), *guest = g_build_filename(base, "run", NULL);
  g_autofree char *anchors = g_build_filename(guest, "attestation", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(tee_install(host, &error));
  g_assert_no_error(error);
  g_assert_cmpint(mode_of(base, "host"), ==, 0700);
  g_assert_cmpint(mode_of(host, "seed.hex"), ==, 0600);
  g_autofree char *hex = content_of(host, "seed.hex");
  g_autoptr(Secret) seed = secret_new_zero(32);
  g_assert_true(hex_decode_fixed(g_strchomp(hex), secret_data(seed), 32, NULL));
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_assert_true(tee_anchors_publish(pki, "/mnt/tee", guest, &error));
  g_assert_no_error(error);
  g_assert_cmpint(mode_of(guest, "attestation"), ==, 0700);
  g_assert_cmpint(mode_of(anchors, "root.pem"), ==, 0600);
  for (const char *const *name = (const char *const[]){"root.pem", "collateral.json", NULL}; *name; name++) {
    g_autofree char *ours = content_of(anchors, *name), *theirs = content_of(host, *name);
    g_assert_cmpstr(ours, ==, theirs);
  }
  g_autofree char *variables = content_of(guest, "tee.env");
  g_assert_cmpstr(variables, ==,
                  "DCAP_TDX_QUOTE_CONFIGFS_PATH=/mnt/tee/tsm/report/com.intel.dcap\n"
                  "DCAP_TDX_RTMR_SYSFS_PATH=/mnt/tee/measurements\nDSTACK_CCEL_FILE=/mnt/tee/ccel\n");
  g_assert_true(tee_anchors_withdraw(guest, NULL));
  g_assert_cmpint(mode_of(guest, "attestation"), ==, 0);
  g_assert_cmpint(mode_of(guest, "tee.env"), ==, 0);
  g_assert_false(tee_install(host, &error)); /* never over a seed that is in use */
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS);
  g_assert_true(file_remove_tree(base, NULL));
}

#define ADD(name, function) g_test_add("/guest/tee/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("quote", test_quote);
  ADD("registers", test_registers);
  ADD("ccel", test_ccel);
  g_test_add_func("/guest/tee/tree", test_tree);
  g_test_add_func("/guest/tee/config-refused", test_config_refused);
  g_test_add_func("/guest/tee/host-and-guest-agree", test_host_and_guest_agree);
  return g_test_run();
}
