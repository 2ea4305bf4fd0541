/* dstack-mr as its users run it: every command, its output and its exit status. */
#include "samples.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/process.h"
#include "crypto/digest.h"

#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#define MAX_ARGUMENTS 32
#define ROOTFS "dstack.rootfs_hash=ca5adaef0ac3a36108035925763b48a5818f634e700fbaab561d419fd30d7121"

/* Arguments end with NULL. Returns the exit status. */
static G_GNUC_NULL_TERMINATED int run(ProcessResult *result, ...) {
  const char *argv[MAX_ARGUMENTS] = {g_getenv("DSTACK_MR_PROGRAM")};
  va_list args;
  va_start(args, result);
  for (gsize i = 1; (argv[i] = va_arg(args, const char *)); i++)
    g_assert_cmpuint(i + 1, <, MAX_ARGUMENTS);
  va_end(args);
  g_autoptr(GError) error = NULL;
  process_run(&(ProcessSpec){.argv = argv}, result, &error);
  g_assert_no_error(error);
  g_assert_true(WIFEXITED(result->status));
  return WEXITSTATUS(result->status);
}

static char *make_image(const char *cmdline, const char *more) {
  g_autoptr(GBytes) firmware = sample_firmware(), kernel = sample_kernel();
  g_autofree guint8 *initrd = g_malloc(4096);
  for (guint i = 0; i < 4096; i++)
    initrd[i] = (guint8)(5 * i + 1);
  g_autoptr(GBytes) bytes = g_bytes_new(initrd, 4096);
  return sample_image(firmware, kernel, bytes, cmdline, more);
}

static const char two_pass[] =
    "c420bcc3f6c4d333e908e2f6726cf858fda9da0a5b4c9edde5f0961396de8b9f65a1ce0373261d18831cf34854a2c151";
static const char single_pass[] =
    "519aa7e7f4b1f2a16405fbd872520db8207a883e100e1b948e2bcd1b93ae0c15240ecbf22b004a6bc8b91d50a5361880";
static const char rtmr2[] =
    "23088764305de70abc8fabc2c734f9379a6154bc5a274b9d3cbe7de70a95095237c25c05ce0bf9c558cefa729cbf9200";

static void test_measure_json(void) {
  g_autofree char *dir = make_image("console=ttyS0 init=/init", "");
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(&result, "measure", "--image", dir, "--cpu", "1", "--memory", "2G", "--json", NULL), ==, 0);
  g_autoptr(json_t) object = json_parse(result.output, result.output_len, "output", NULL);
  const char *keys[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"}, *key;
  json_t *value;
  guint i = 0;
  json_object_foreach(object, key, value) {
    g_assert_cmpuint(i, <, G_N_ELEMENTS(keys));
    g_assert_cmpstr(key, ==, keys[i++]);
    g_assert_cmpuint(strlen(json_string_value(value)), ==, 96);
  }
  g_assert_cmpuint(i, ==, 4);
  g_assert_cmpstr(json_string_value(json_object_get(object, "mrtd")), ==, single_pass);
  g_assert_cmpstr(json_string_value(json_object_get(object, "rtmr2")), ==, rtmr2);
  g_assert_true(g_str_has_prefix(result.output, "{\n  \"mrtd\": \""));
  g_assert_true(file_remove_tree(dir, NULL));
}

/* The older way: flags, then the path of metadata.json. */
static void test_measure_text(void) {
  g_autofree char *dir = make_image("console=ttyS0 init=/init", ""),
                  *metadata = g_build_filename(dir, "metadata.json", NULL);
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(&result, "measure", "-c", "1", "-m", "0x80000000", "--two-pass-add-pages", "true", "--pic",
                      "true", "--smm", "false", "--hotplug-off", "false", "--root-verity", "true", metadata, NULL),
                  ==, 0);
  g_auto(GStrv) lines = g_strsplit(result.output, "\n", -1);
  g_assert_cmpuint(g_strv_length(lines), ==, 6);
  g_assert_cmpstr(lines[0], ==, "Machine measurements:");
  g_autofree char *mrtd = g_strconcat("MRTD: ", two_pass, NULL), *last = g_strconcat("RTMR2: ", rtmr2, NULL);
  g_assert_cmpstr(lines[1], ==, mrtd);
  g_assert_true(g_str_has_prefix(lines[2], "RTMR0: ") && g_str_has_prefix(lines[3], "RTMR1: "));
  g_assert_cmpstr(lines[4], ==, last);
  g_assert_true(file_remove_tree(dir, NULL));
}

static char *measure_with(const char *dir, const char *option, const char *value) {
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(&result, "measure", "--image", dir, "--json", option, value, NULL), ==, 0);
  return g_steal_pointer(&result.output);
}

/* Every option of the shape changes what is measured. */
static void test_every_option_counts(void) {
  static const char *const options[][2] = {{"--cpu", "2"},
                                           {"--memory", "4G"},
                                           {"--qemu-version", "9.2.1"},
                                           {"--pic", "true"},
                                           {"--smm", "true"},
                                           {"--pci-hole64-size", "1T"},
                                           {"--pci-hole64-size", "0"},
                                           {"--pci-hole64-base", "0x700000000000"},
                                           {"--hugepages", NULL},
                                           {"--num-gpus", "1"},
                                           {"--num-nvswitches", "2"},
                                           {"--num-nics", "2"},
                                           {"--num-verity-volumes", "2"},
                                           {"--hotplug-off", "true"},
                                           {"--root-verity", "false"},
                                           {"--two-pass-add-pages", "true"}};
  g_autofree char *dir = make_image("console=ttyS0 init=/init", "");
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_add(seen, measure_with(dir, "--cpu", "1"));
  for (guint i = 0; i < G_N_ELEMENTS(options); i++)
    g_assert_true(g_hash_table_add(seen, measure_with(dir, options[i][0], options[i][1])));
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_refused(void) {
  static const char *const bad[][3] = {{"--swtpm", NULL, "1"},
                                       {"--qemu-version", "7.2.0", "1"},
                                       {"--cpu", "0", "2"},
                                       {"--memory", "1000", "1"},
                                       {"--host-share-mode", "nfs", "1"},
                                       {"--cpu", "-1", "2"},
                                       {"--pic", "maybe", "2"},
                                       {"--memory", "2X", "2"},
                                       {"--no-such", "1", "2"},
                                       {"--dstack-os-version", "x", "2"},
                                       {"--num-gpus", "99", "1"}};
  g_autofree char *dir = make_image("console=ttyS0 init=/init", "");
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_auto(ProcessResult) result = {0};
    g_assert_cmpint(run(&result, "measure", "--image", dir, bad[i][0], bad[i][1], NULL), ==, atoi(bad[i][2]));
    g_assert_true(g_str_has_prefix(result.errors, "dstack-mr: "));
    g_assert_cmpstr(result.output, ==, "");
  }
  g_auto(ProcessResult) none = {0}, missing = {0}, unknown = {0}, help = {0};
  g_assert_cmpint(run(&none, NULL), ==, 1);
  g_assert_cmpint(run(&missing, "measure", "--image", "/no/such/dir", NULL), ==, 1);
  g_assert_cmpint(run(&unknown, "frobnicate", NULL), ==, 1);
  g_assert_nonnull(strstr(unknown.errors, "Usage:"));
  g_assert_cmpint(run(&help, "--help", NULL), ==, 0);
  g_assert_nonnull(strstr(help.output, "Usage:"));
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_log(void) {
  g_autofree char *dir = make_image("console=ttyS0 init=/init", "");
  g_auto(ProcessResult) result = {0};
  g_assert_cmpint(run(&result, "measure", "--image", dir, "--log", NULL), ==, 0);
  g_autoptr(json_t) object = json_parse(result.output, result.output_len, "output", NULL);
  g_assert_cmpuint(json_array_size(json_object_get(object, "boot_log")), ==, 20);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_diagnose(void) {
  g_autofree char *dir = make_image("console=ttyS0 init=/init", ""), *parent = g_path_get_dirname(dir),
                  *name = g_path_get_basename(dir);
  g_autofree char *vm_config =
      g_strdup_printf("{\"cpu_count\":1,\"memory_size\":2147483648,\"qemu_version\":\"8.2.2\",\"image\":\"%s\"}", name);
  sample_image_write(dir, "vm.json", vm_config, strlen(vm_config));
  g_autofree char *path = g_build_filename(dir, "vm.json", NULL), *events = g_build_filename(dir, "log.json", NULL);
  g_auto(ProcessResult) good = {0}, wrong = {0}, measured = {0}, same = {0}, other = {0}, usage = {0};
  g_assert_cmpint(run(&good, "diagnose", "--vm-config", path, "--image-base-dir", parent, "--actual-mrtd", two_pass,
                      "--json", NULL),
                  ==, 0);
  g_autoptr(json_t) report = json_parse(good.output, good.output_len, "output", NULL);
  g_assert_cmpuint(json_array_size(json_object_get(report, "rtmr0_log")), ==, 13);
  g_assert_cmpstr(json_string_value(json_object_get(json_array_get(json_object_get(report, "rtmr0_log"), 12), "label")),
                  ==, "Boot0000");
  g_assert_cmpint(run(&wrong, "diagnose", "--vm-config", path, "--image-dir", dir, "--actual-mrtd", single_pass, NULL),
                  ==, 1);
  g_assert_nonnull(strstr(wrong.output, "mrtd does not match"));
  g_assert_cmpint(run(&measured, "measure", "--image", dir, "--qemu-version", "8.2.2", "--log", NULL), ==, 0);
  g_autoptr(json_t) log = json_parse(measured.output, measured.output_len, "output", NULL);
  g_autofree char *text = json_print(json_object_get(log, "boot_log"));
  sample_image_write(dir, "log.json", text, strlen(text));
  g_assert_cmpint(run(&same, "diagnose", "--vm-config", path, "--image-dir", dir, "--actual-event-log", events, NULL),
                  ==, 0);
  g_autofree char *three = g_strdup("{\"cpu_count\":3,\"memory_size\":2147483648,\"qemu_version\":\"8.2.2\"}");
  sample_image_write(dir, "vm.json", three, strlen(three));
  g_assert_cmpint(
      run(&other, "diagnose", "--vm-config", path, "--image-dir", dir, "--actual-event-log", events, "--json", NULL),
      ==, 1);
  g_autoptr(json_t) divergent = json_parse(other.output, other.output_len, "output", NULL);
  const json_t *first = json_object_get(divergent, "first_divergence");
  g_assert_cmpstr(json_string_value(json_object_get(first, "label")), ==, "acpi_loader");
  g_assert_cmpint(run(&usage, "diagnose", "--vm-config", path, NULL), ==, 2);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_documents(void) {
  g_autofree char *dir = make_image("console=ttyS0 " ROOTFS, "");
  g_auto(ProcessResult) aws = {0}, bad = {0}, tdx = {0}, snp = {0}, none = {0}, inspected = {0}, gcp = {0};
  g_autofree char *pcr = g_strnfill(96, 'a');
  g_assert_cmpint(run(&aws, "aws-measurement-cbor", pcr, pcr, pcr, NULL), ==, 0);
  g_assert_cmpint(run(&bad, "aws-measurement-cbor", pcr, pcr, "00", NULL), ==, 1);
  g_autofree char *path = g_build_filename(dir, "measurement.aws.cbor", NULL),
                  *hash = g_build_filename(dir, "hash", NULL);
  sample_image_write(dir, "measurement.aws.cbor", aws.output, aws.output_len);
  g_assert_cmpint(run(&inspected, "inspect-measurement", path, NULL), ==, 0);
  g_assert_nonnull(strstr(inspected.output, "boot_pcr_digest"));
  sample_image_write(dir, "hash", ROOTFS + strlen("dstack.rootfs_hash="), 64);
  g_assert_cmpint(run(&gcp, "gcp-measurement-cbor", hash, NULL), ==, 0);
  g_assert_cmpint(run(&tdx, "tdx-measurement-cbor", dir, NULL), ==, 1); /* not the standard variable store */
  g_assert_nonnull(strstr(tdx.errors, "variable store"));
  g_assert_cmpint(run(&snp, "snp-measurement-hash", dir, NULL), ==, 1);
  g_assert_cmpint(run(&none, "measure-os", dir, NULL), ==, 1);
  g_assert_nonnull(strstr(none.errors, "lists no measurement document"));
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dstack-mr/measure-json", test_measure_json);
  g_test_add_func("/dstack-mr/measure-text", test_measure_text);
  g_test_add_func("/dstack-mr/every-option-counts", test_every_option_counts);
  g_test_add_func("/dstack-mr/refused", test_refused);
  g_test_add_func("/dstack-mr/log", test_log);
  g_test_add_func("/dstack-mr/diagnose", test_diagnose);
  g_test_add_func("/dstack-mr/documents", test_documents);
  return g_test_run();
}
