/* vm_config and image directories: what is taken, what is refused (spec: measurement 9). */
#include "measure/measure.h"
#include "samples.h"

#include "base/error.h"
#include "base/file.h"

#include <glib/gstdio.h>
#include <string.h>

static void test_vm_config(void) {
  MeasureVm vm;
  guint8 hash[32];
  gboolean has_hash;
  g_autoptr(GBytes) storage = NULL;
  g_assert_true(
      measure_vm_parse("{\"spec_version\":1,\"os_image_hash\":\"64f0d1545cd510a8dfed7ad609d105b5d41f0cb2afcfdda8867"
                       "ede00c88add7a\",\"cpu_count\":1,\"memory_size\":2147483648,\"unknown\":[],"
                       "\"qemu_single_pass_add_pages\":true}",
                       &vm, hash, &has_hash, &storage, NULL));
  g_assert_true(has_hash && hash[0] == 0x64);
  g_assert_cmpuint(vm.memory_size, ==, 2 * GIB);
  g_assert_cmpuint(vm.num_nics, ==, 1);
  g_assert_true(vm.two_pass_set && vm.two_pass_add_pages); /* the wire's name says the opposite */
  g_assert_false(vm.pic_set || vm.lite);
}

static void test_vm_config_refused(void) {
  static const char *const bad[] = {"",
                                    "[]",
                                    "{\"cpu_count\":\"1\"}",
                                    "{\"memory_size\":-1}",
                                    "{\"memory_size\":70368744177665}",
                                    "{\"os_image_hash\":\"00\"}",
                                    "{\"os_image_hash\":\"../../etc\"}",
                                    "{\"cpu_count\":1.5}",
                                    "{\"cpu_count\":99999}",
                                    "{\"pic\":1}",
                                    "{\"num_gpus\":25}",
                                    "{\"tdx_attestation_variant\":\"light\"}",
                                    "{\"tdx_measurement\":\"\"}",
                                    "{\"tdx_measurement\":{\"measurement\":1}}",
                                    "{\"cpu_count\":1,\"cpu_count\":2}"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    MeasureVm vm;
    guint8 hash[32];
    gboolean has_hash;
    g_autoptr(GBytes) none = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(measure_vm_parse(bad[i], &vm, hash, &has_hash, &none, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_null(none);
  }
}

#define TWOS "2222222222222222222222222222222222222222222222222222222222222222"

static void test_cache_key(void) {
  static const char *const same[] = {
      "{\"spec_version\":1,\"os_image_hash\":\"" TWOS "\",\"cpu_count\":2,\"memory_size\":4294967296,"
      "\"qemu_single_pass_add_pages\":false,\"pic\":true,\"qemu_version\":\"9.1.0\",\"pci_hole64_size\":0,"
      "\"hugepages\":false,"
      "\"num_gpus\":0,\"num_nvswitches\":0,\"hotplug_off\":false}",
      "{\"memory_size\":4294967296,\"os_image_hash\":\"" TWOS "\",\"cpu_count\":2,\"pic\":true,\"more\":{},"
      "\"qemu_version\":\"9.1.0\",\"qemu_single_pass_add_pages\":false,\"num_nics\":1}"};
  for (guint i = 0; i < G_N_ELEMENTS(same); i++) {
    g_autofree char *key = measure_vm_cache_key(same[i], NULL);
    g_assert_cmpstr(key, ==, "401de5afeac4b0e18c39e53331b1c3bc7bca53adb69152817f4560276263d05f");
  }
}

static void assert_refused(const char *dir, gboolean check_files, int code, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) none = os_image_open(dir, check_files, &error);
  g_assert_null(none);
  g_assert_error(error, DSTACK_ERROR, code);
  if (!strstr(error->message, expected))
    g_error("'%s' is not in: %s", expected, error->message);
}

static char *small_image(const char *more) {
  g_autoptr(GBytes) content = g_bytes_new_static("content", 7);
  return sample_image(content, content, content, "console=ttyS0", more);
}

static void test_image(void) {
  g_autofree char *dir = small_image(",\"is_dev\":true,\"version\":\"0.5.5\"");
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, &error);
  g_assert_no_error(error);
  g_assert_true(image->is_dev && image->has_os_image_hash);
  g_assert_cmpstr(image->version, ==, "0.5.5");
  Measurements none;
  g_assert_false(measure_image(image, &(MeasureVm){.cpu_count = 1, .memory_size = 2 * GIB}, &none, NULL));
  sample_image_write(dir, "digest.txt", "00\n", 3);
  assert_refused(dir, FALSE, DSTACK_ERROR_UNVERIFIED, "digest.txt");
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_image_changed(void) {
  static const char *const names[] = {"ovmf.fd", "bzImage", "initrd", "metadata.json"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *dir = small_image("");
    g_autofree char *path = g_build_filename(dir, names[i], NULL), *content = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(path, &content, &len, NULL));
    content[len / 2] ^= 1;
    sample_image_write(dir, names[i], content, len);
    g_autoptr(GError) error = NULL;
    g_autoptr(OsImage) none = os_image_open(dir, TRUE, &error);
    g_assert_null(none);
    g_assert_true(file_remove_tree(dir, NULL));
  }
}

static void refuse_sums(const char *sums, const char *expected) {
  g_autofree char *dir = small_image("");
  sample_image_write(dir, "sha256sum.txt", sums, strlen(sums));
  assert_refused(dir, FALSE, DSTACK_ERROR_INVALID, expected);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_sums_refused(void) {
  refuse_sums("", "leaves out");
  refuse_sums(TWOS "  metadata.json\n", "leaves out");
  refuse_sums(TWOS "  a\n" TWOS "  a\n", "malformed at line 2");
  refuse_sums(TWOS "  ../a\n", "malformed at line 1");
  refuse_sums(TWOS "  /etc/passwd\n", "malformed");
  refuse_sums(TWOS "  .\n", "malformed");
  refuse_sums(TWOS "  a b\n", "malformed");
  refuse_sums(TWOS " a\n", "malformed");
  refuse_sums(TWOS "  a  b\n", "malformed");
  refuse_sums(TWOS "  sha256sum.txt\n", "malformed");
  refuse_sums(TWOS "22  a\n", "malformed");
  refuse_sums("G" TWOS "  a\n", "malformed");
  refuse_sums(TWOS "  a\n\n" TWOS "  b\n", "malformed at line 2");
}

static void test_metadata_refused(void) {
  static const char *const bad[] = {"",
                                    "[]",
                                    "{}",
                                    "{\"kernel\":\"k\"}",
                                    "{\"kernel\":\"../k\",\"initrd\":\"i\"}",
                                    "{\"kernel\":\"k\",\"initrd\":\"/i\"}",
                                    "{\"kernel\":\"k\",\"initrd\":1}",
                                    "{\"kernel\":\"k\",\"initrd\":\"i\",\"bios\":\".hidden\"}",
                                    "{\"kernel\":\"k\",\"initrd\":\"i\",\"is_dev\":\"no\"}"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autofree char *dir = small_image("");
    sample_image_write(dir, "metadata.json", bad[i], strlen(bad[i]));
    assert_refused(dir, FALSE, DSTACK_ERROR_INVALID, "");
    g_assert_true(file_remove_tree(dir, NULL));
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/vm-config/taken", test_vm_config);
  g_test_add_func("/measure/vm-config/refused", test_vm_config_refused);
  g_test_add_func("/measure/vm-config/cache-key", test_cache_key);
  g_test_add_func("/measure/os-image/taken", test_image);
  g_test_add_func("/measure/os-image/changed", test_image_changed);
  g_test_add_func("/measure/os-image/sums-refused", test_sums_refused);
  g_test_add_func("/measure/os-image/metadata-refused", test_metadata_refused);
  return g_test_run();
}
