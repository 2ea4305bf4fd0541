/* What the initrd accepts from the measured command line (spec: guest-os 2, 3.1). */
#include "guest/boot/initrd/root_parameters.h"

#include <glib.h>

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void accepts(void) {
  RootParameters parameters;
  g_assert_null(root_parameters_parse("console=ttyS0 dstack.rootfs_hash=" HASH " init=/init dstack.rootfs_size=225902592\n", &parameters));
  g_assert_cmpstr(parameters.hash, ==, HASH);
  g_assert_cmpuint(parameters.data_size, ==, 225902592);
}

static void lowers_upper_case(void) {
  RootParameters parameters;
  g_autofree char *upper = g_ascii_strup(HASH, -1);
  g_autofree char *line = g_strconcat("dstack.rootfs_size=4096 dstack.rootfs_hash=", upper, NULL);
  g_assert_null(root_parameters_parse(line, &parameters));
  g_assert_cmpstr(parameters.hash, ==, HASH);
}

static void refuses(void) {
  static const struct {
    const char *line, *problem;
  } cases[] = {
      {"", "dstack.rootfs_hash is missing"},
      {"dstack.rootfs_size=4096", "dstack.rootfs_hash is missing"},
      {"dstack.rootfs_hash=" HASH, "dstack.rootfs_size is missing"},
      {"xdstack.rootfs_hash=" HASH " dstack.rootfs_size=4096", "dstack.rootfs_hash is missing"},
      {"dstack.rootfs_hash= dstack.rootfs_size=4096", "dstack.rootfs_hash is not 64 hex digits"},
      {"dstack.rootfs_hash=" HASH "0 dstack.rootfs_size=4096", "dstack.rootfs_hash is not 64 hex digits"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_hash=" HASH " dstack.rootfs_size=4096", "dstack.rootfs_hash is given twice"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=4096 dstack.rootfs_size=8192", "dstack.rootfs_size is given twice"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=", "dstack.rootfs_size is not a positive multiple of 4096"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=0", "dstack.rootfs_size is not a positive multiple of 4096"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=4097", "dstack.rootfs_size is not a positive multiple of 4096"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=-4096", "dstack.rootfs_size is not a positive multiple of 4096"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=0x1000", "dstack.rootfs_size is not a positive multiple of 4096"},
      {"dstack.rootfs_hash=" HASH " dstack.rootfs_size=18446744073709555712", "dstack.rootfs_size is not a positive multiple of 4096"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    RootParameters parameters;
    g_assert_cmpstr(root_parameters_parse(cases[i].line, &parameters), ==, cases[i].problem);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/guest/root-parameters/accepts", accepts);
  g_test_add_func("/guest/root-parameters/lowers-upper-case", lowers_upper_case);
  g_test_add_func("/guest/root-parameters/refuses", refuses);
  return g_test_run();
}
