/* The ACPI blobs against an independent generator, where it is at hand: every QEMU version with every CPU count, with
 * and without hot-plug, root ports, huge pages, other device counts and PCI holes (spec: measurement 5). */
#include "measure/acpi.h"

#include "base/hex.h"
#include "base/process.h"
#include "crypto/digest.h"

#include <string.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)

static void assert_sha384(const GByteArray *data, const char *expected) {
  guint8 digest[48];
  digest_sha384(data->data, data->len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_assert_cmpstr(hex, ==, expected);
}

static const char generator[] = "import sys,json,hashlib\n"
                                "sys.dont_write_bytecode=True\n"
                                "sys.path.insert(0,sys.argv[1])\n"
                                "import acpi_tables as a\n"
                                "for line in sys.stdin:\n"
                                "  c=json.loads(line); c['ver']=tuple(c['ver'])\n"
                                "  t=a.build(c)\n"
                                "  print(' '.join(hashlib.sha384(x).hexdigest() for x in (t,a.rsdp(t),a.loader(t))))\n";

static void describe(GString *input, const AcpiMachine *m) {
  g_string_append_printf(input,
                         "{\"cpus\":%u,\"mem\":%" G_GUINT64_FORMAT ",\"ver\":[%u,%u,%u],\"pic\":%s,\"smm\":%s,"
                         "\"hotplug_off\":%s,\"hugepages\":%s,\"ndev\":%u,\"ports\":%u,\"hole64\":%" G_GUINT64_FORMAT
                         "}\n",
                         m->cpus, m->memory_size, m->qemu.major, m->qemu.minor, m->qemu.micro,
                         m->pic ? "true" : "false", m->smm ? "true" : "false", m->hotplug_off ? "true" : "false",
                         m->hugepages ? "true" : "false", m->virtio_devices, m->root_ports, m->hole64_size);
}

/* Four of the shapes and flags that go with them, others at each turn. */
static void cross(GArray *machines, QemuVersion qemu, guint cpus, guint64 memory, guint turn) {
  static const struct {
    guint ports, devices;
    guint64 hole64;
  } shapes[] = {{0, 5, 0}, {0, 4, 1 << 30}, {0, 9, 0}, {1, 5, G_GUINT64_CONSTANT(1) << 44},
                {3, 6, 0}, {8, 5, 0},       {16, 7, 1}};
  for (guint k = 0; k < 4; k++) {
    guint i = (turn + 2 * k) % G_N_ELEMENTS(shapes), flags = (turn / G_N_ELEMENTS(shapes) + k) % 4;
    AcpiMachine machine = {.cpus = cpus,
                           .memory_size = memory,
                           .qemu = qemu,
                           .pic = flags & 1,
                           .hotplug_off = (flags >> 1) & 1,
                           .smm = (flags + i) % 3 == 0,
                           .hugepages = shapes[i].ports == 0 && (flags + cpus) % 2,
                           .virtio_devices = shapes[i].devices,
                           .root_ports = shapes[i].ports,
                           .hole64_size = shapes[i].hole64};
    g_array_append_val(machines, machine);
  }
}

static GArray *matrix(void) {
  static const QemuVersion versions[] = {{8, 0, 0},  {8, 2, 2},  {9, 0, 0},  {9, 1, 0},  {9, 1, 99},
                                         {9, 2, 0},  {9, 2, 1},  {9, 9, 9},  {10, 0, 0}, {10, 0, 2},
                                         {10, 2, 0}, {11, 0, 0}, {11, 1, 0}, {12, 0, 0}};
  static const guint cpus[] = {1, 2, 3, 8, 9, 16, 17, 64, 255, 256, 257, 300};
  static const guint64 memory[] = {GIB / 2,    GIB,     2 * GIB,  5 * GIB / 2, 0xB0000000 - (1 << 20),
                                   0xB0000000, 4 * GIB, 64 * GIB, 1024 * GIB};
  GArray *machines = g_array_new(FALSE, FALSE, sizeof(AcpiMachine));
  for (guint v = 0; v < G_N_ELEMENTS(versions);
       v++) /* every pair of a version with a CPU count, memory sizes in turn */
    for (guint c = 0; c < G_N_ELEMENTS(cpus); c++)
      cross(machines, versions[v], cpus[c], memory[(v * 5 + c) % G_N_ELEMENTS(memory)], v * G_N_ELEMENTS(cpus) + c);
  return machines;
}

static char *ask_generator(const char *oracle, const GArray *machines) {
  g_autoptr(GString) input = g_string_new(NULL);
  for (guint i = 0; i < machines->len; i++)
    describe(input, &g_array_index(machines, AcpiMachine, i));
  const char *const argv[] = {"python3", "-c", generator, oracle, NULL};
  g_auto(ProcessResult) result = {0};
  g_autoptr(GError) error = NULL;
  process_run(
      &(ProcessSpec){
          .argv = argv, .input = input->str, .input_len = input->len, .max_output = 4 << 20, .timeout_ms = 300000},
      &result, &error);
  g_assert_no_error(error);
  g_assert_cmpint(result.status, ==, 0);
  return g_steal_pointer(&result.output);
}

static void test_against_generator(void) {
  g_autofree char *shared = g_strdup(g_getenv("DSTACK_SHARED_DIR"));
  if (!shared)
    shared = g_build_filename(SOURCE_ROOT, "..", "shared", NULL);
  g_autofree char *oracle = g_build_filename(shared, "oracle", NULL);
  if (!g_file_test(oracle, G_FILE_TEST_IS_DIR)) {
    g_test_skip("the independent generator is not here");
    return;
  }
  g_autoptr(GArray) machines = matrix();
  g_autofree char *output = ask_generator(oracle, machines);
  g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
  for (guint i = 0; i < machines->len; i++) {
    const AcpiMachine *machine = &g_array_index(machines, AcpiMachine, i);
    g_auto(GStrv) digests = g_strsplit(lines[i], " ", 3);
    g_autoptr(GByteArray) tables = acpi_tables(machine);
    g_autoptr(GByteArray) rsdp = acpi_rsdp(tables);
    g_autoptr(GByteArray) loader = acpi_loader(tables);
    assert_sha384(tables, digests[0]);
    assert_sha384(rsdp, digests[1]);
    assert_sha384(loader, digests[2]);
  }
  g_test_message("%u machines", machines->len);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/acpi/against-generator", test_against_generator);
  return g_test_run();
}
