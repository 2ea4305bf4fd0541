/* lib/measure against the specification's vectors: hand-off blocks, ACPI blobs, registers (spec: measurement 4, 5, 12). */
#include "measure/acpi.h"
#include "measure/aml.h"
#include "measure/kernel_image.h"
#include "measure/measure.h"
#include "measure/tdvf.h"

#include "base/error.h"
#include "base/file.h"
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

static AcpiMachine edge_machine(guint cpus) {
  return (AcpiMachine){.cpus = cpus, .memory_size = 2 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5};
}

static void test_dsdt_lengths(void) {
  static const struct {
    guint cpus, len;
  } vectors[] = {{1, 8202}, {2, 8285}, {3, 8371}, {16, 9490}, {17, 9576}, {64, 13620}, {128, 19124}, {256, 30157}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    AcpiMachine machine = edge_machine(vectors[i].cpus);
    g_autoptr(GByteArray) body = acpi_dsdt(&machine);
    g_assert_cmpuint(body->len + 36, ==, vectors[i].len);
  }
  AcpiMachine level = edge_machine(1);
  level.qemu = (QemuVersion){9, 2, 1};
  g_autoptr(GByteArray) body = acpi_dsdt(&level);
  g_assert_cmpuint(body->len + 36, ==, 8220);
}

/* Tables of two real quotes (QEMU 8.2.2 and 9.2.1). */
static void test_real_tables(void) {
  AcpiMachine a = edge_machine(2);
  g_autoptr(GByteArray) tables_a = acpi_tables(&a);
  g_autoptr(GByteArray) rsdp_a = acpi_rsdp(tables_a);
  g_autoptr(GByteArray) loader_a = acpi_loader(tables_a);
  assert_sha384(tables_a, "3070721e169bc41884724cb0e6b3082e1baf249083d8b389181ba50b9afa951057876c380b8870e8c2facf2eff67a2b6");
  assert_sha384(rsdp_a, "8d9a4d4777a1bc77ecd9d8d37a4628129a80052a510320159a20a923bd07a0e90d8d1f2e1ebf088992b25f0d0fa672ef");
  assert_sha384(loader_a, "095d04cf26fe03aef6e3561fa24c1aa1cea93f4aeaf563b1f9f7616184c53454875925759434769cec2490acb563a337");
  AcpiMachine b = {.cpus = 16, .memory_size = 64 * GIB, .qemu = {9, 2, 1}, .hotplug_off = TRUE,
                   .hole64_size = G_GUINT64_CONSTANT(17592186044416), .virtio_devices = 5, .root_ports = 1};
  g_autoptr(GByteArray) tables_b = acpi_tables(&b);
  g_autoptr(GByteArray) rsdp_b = acpi_rsdp(tables_b);
  g_autoptr(GByteArray) loader_b = acpi_loader(tables_b);
  assert_sha384(tables_b, "abfb2256644b5786eefdcb92303d2008c36cb9500d98997e215ef5080745d4bf2e5b3629090918e193e7f05b173d48c5");
  assert_sha384(rsdp_b, "772b0169c66b52e4453fff9e3c6257635ea950ebcc8edd7ef2e2f8241cf6a155f39df01a7c7a194b6bc0abe5de11861d");
  assert_sha384(loader_b, "2065dd48d647e4377db277ba203526901a17845e93e0df4c2dfc3ce136e0910324ead1e1c86b8d90c2acdf9c85ffac53");
}

/* The standard sections of a 4 MiB TDX firmware. */
static Tdvf standard_tdvf(void) {
  Tdvf tdvf = {.n_sections = 6};
  const TdvfSection sections[] = {{.address = 0xffc84000, .size = 0x37c000, .type = TDVF_BFV, .extend = TRUE},
                                  {.address = 0xffc00000, .size = 0x84000, .type = TDVF_CFV},
                                  {.address = 0x810000, .size = 0x10000, .type = TDVF_TEMP_MEM},
                                  {.address = 0x80b000, .size = 0x2000, .type = TDVF_TEMP_MEM},
                                  {.address = 0x809000, .size = 0x2000, .type = TDVF_TD_HOB},
                                  {.address = 0x800000, .size = 0x6000, .type = TDVF_TEMP_MEM}};
  memcpy(tdvf.sections, sections, sizeof sections);
  return tdvf;
}

static void test_td_hob(void) {
  static const struct {
    guint64 memory;
    guint len;
    const char *digest;
  } vectors[] = {
      {1 * GIB, 440, "1055c9b9a1fc534e688560e2304e18c8597b7261818cf61fb163d40c130547309b750575947a4dcaedbdce4b8d0535f2"},
      {2 * GIB, 440, "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821ebaf8bc9c938ba8a749"},
      {0xAFFFF000, 440, "4e7f62d8d6e4185576116da418582a3b0b73e9ce0837d8f9b14969fa1b23828025bc6fe96cdb2e85d4e9e1af41f40334"},
      {0xB0000000, 488, "8eb1a02074362aa0761541cdb4dc3f1788dfeb4538803b241477848e26de294dbe917ab56c5628732679b3abc168c2de"},
      {4 * GIB, 488, "5b684faf8d02a733945f821d9cdd170802e72103977acf66949c9382500283adc90cbec57f8e7653f8bee1cab83689de"},
      {64 * GIB, 488, "8ae1e425351df7992c444586eff99d35af3b779aa2b0e981cb4b73bc5b279f2ade19b6a62a203fc3c3bbdaae80af596d"},
  };
  Tdvf tdvf = standard_tdvf();
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_autoptr(GByteArray) hob = tdvf_td_hob(&tdvf, vectors[i].memory);
    g_assert_cmpuint(hob->len, ==, vectors[i].len);
    assert_sha384(hob, vectors[i].digest);
  }
}

/* A firmware of one page of code and one of variables, with the metadata where real ones have it. */
static GBytes *make_firmware(void) {
  GByteArray *file = g_byte_array_new();
  g_byte_array_set_size(file, 4 * 4096);
  for (guint i = 0; i < file->len; i++)
    file->data[i] = (guint8)(i * 7 + i / 4096);
  guint8 *end = file->data + file->len, *descriptor = end - 1024;
  const guint8 head[] = {'T', 'D', 'V', 'F', 80, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0};
  memcpy(descriptor, head, sizeof head);
  const guint32 sections[2][8] = {{4096, 4096, 0xfffff000, 0, 4096, 0, TDVF_BFV, 1}, {0, 4096, 0xffffe000, 0, 4096, 0, TDVF_CFV, 0}};
  memcpy(descriptor + 16, sections, sizeof sections);
  guid_parse("96b582de-1fb2-45f7-baea-a366c55a082d", end - 48);
  const guint8 table_len[] = {40, 0}, entry_len[] = {22, 0};
  memcpy(end - 50, table_len, 2);
  guid_parse("e47a6535-984a-4798-865e-4685a7bf8ec2", end - 66);
  memcpy(end - 68, entry_len, 2);
  const guint32 from_end = 1024;
  memcpy(end - 72, &from_end, 4);
  return g_byte_array_free_to_bytes(file);
}

static void test_firmware(void) {
  g_autoptr(GBytes) firmware = make_firmware();
  g_autoptr(GError) error = NULL;
  g_autoptr(Tdvf) tdvf = tdvf_parse(firmware, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(tdvf->n_sections, ==, 2);
  guint8 single[48], two[48];
  tdvf_mrtd(tdvf, FALSE, single);
  tdvf_mrtd(tdvf, TRUE, two);
  g_assert_cmpmem(single, 48, two, 48); /* one page a section: the order is the same */
  /* No cut and no flip of the metadata may crash. */
  gsize len;
  const guint8 *data = g_bytes_get_data(firmware, &len);
  for (gsize keep = 0; keep < len; keep += 61) {
    g_autoptr(GBytes) part = g_bytes_new(data, keep);
    g_autoptr(Tdvf) none = tdvf_parse(part, NULL);
    g_assert_null(none);
  }
  for (gsize at = len - 1024; at < len; at++) {
    g_autofree guint8 *copy = g_memdup2(data, len);
    copy[at] ^= 0xff;
    g_autoptr(GBytes) damaged = g_bytes_new(copy, len);
    g_autoptr(Tdvf) maybe = tdvf_parse(damaged, NULL);
    if (maybe)
      tdvf_mrtd(maybe, FALSE, single);
  }
}

static void test_aml(void) {
  g_autoptr(GByteArray) code = g_byte_array_new();
  aml_assemble(code, "(processor C002 2 (method! _STA 0 (return (call CSTA 2))) (name _MAT (buffer 0008020201000000))"
                     " (method _EJ0 1 (call CEJ0 2)) (method! _OST 3 (call COST 2 A0 A1 A2)))");
  g_autofree char *hex = hex_encode(code->data, code->len);
  g_assert_cmpstr(hex, ==,
                  "5b83480443303032020000000000140d5f53544108a4435354410a02085f4d4154110b0a080008020201000000140c5f454a3001"
                  "43454a300a02140f5f4f53540b434f53540a0268696a");
}

static void test_vm_config(void) {
  MeasureVm vm;
  guint8 hash[32];
  gboolean has_hash;
  g_autoptr(GBytes) storage = NULL;
  g_assert_true(measure_vm_parse("{\"spec_version\":1,\"os_image_hash\":\"64f0d1545cd510a8dfed7ad609d105b5d41f0cb2afcfdda8867"
                                 "ede00c88add7a\",\"cpu_count\":1,\"memory_size\":2147483648,\"unknown\":[]}",
                                 &vm, hash, &has_hash, &storage, NULL));
  g_assert_true(has_hash && hash[0] == 0x64);
  g_assert_cmpuint(vm.memory_size, ==, 2 * GIB);
  g_assert_cmpuint(vm.num_nics, ==, 1);
  static const char *const bad[] = {"", "[]", "{\"cpu_count\":\"1\"}", "{\"memory_size\":-1}", "{\"os_image_hash\":\"00\"}",
                                    "{\"swtpm\":true}", "{\"cpu_count\":1.5}", "{\"cpu_count\":99999}"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) none = NULL;
    g_assert_false(measure_vm_parse(bad[i], &vm, hash, &has_hash, &none, NULL));
  }
}

static void test_kernel_refusals(void) {
  g_autoptr(GError) error = NULL;
  guint8 out[48];
  guint8 junk[8192] = {0};
  g_autoptr(GBytes) kernel = g_bytes_new_static(junk, sizeof junk);
  g_assert_null(kernel_image_patch(kernel, 1, 2 * GIB, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_false(kernel_image_authenticode(junk, sizeof junk, out, NULL));
  g_assert_false(kernel_image_authenticode(junk, 3, out, NULL));
  junk[0x3c] = 0xff, junk[0x3d] = 0x1f;
  g_assert_false(kernel_image_authenticode(junk, sizeof junk, out, NULL));
}

/* An independent generator, where it is at hand, for shapes no vector covers. */
static void test_against_generator(void) {
  g_autofree char *shared = g_strdup(g_getenv("DSTACK_SHARED_DIR"));
  if (!shared)
    shared = g_build_filename(SOURCE_ROOT, "..", "shared", NULL);
  g_autofree char *oracle = g_build_filename(shared, "oracle", NULL);
  if (!g_file_test(oracle, G_FILE_TEST_IS_DIR)) {
    g_test_skip("the independent generator is not here");
    return;
  }
  for (guint i = 0; i < 40; i++) {
    static const QemuVersion versions[] = {{8, 2, 2}, {9, 1, 0}, {9, 2, 1}, {10, 0, 2}, {11, 1, 0}};
    static const guint cpus[] = {1, 2, 4, 9, 64, 257};
    static const guint64 memory[] = {1 * GIB, 2 * GIB, 3 * GIB, 8 * GIB};
    AcpiMachine machine = {.cpus = cpus[i % 6], .memory_size = memory[i % 4], .qemu = versions[i % 5], .pic = i & 1,
                           .hotplug_off = (i >> 1) & 1, .virtio_devices = 5 + i % 3, .root_ports = i % 7 == 0 ? i % 9 : 0,
                           .hole64_size = i % 3 == 0 ? 1 << 30 : 0};
    machine.hugepages = machine.root_ports == 0 && i % 5 == 2;
    g_autofree char *script = g_strdup_printf(
        "import sys;sys.path.insert(0,sys.argv[1]);sys.dont_write_bytecode=True;import acpi_tables as a,hashlib\n"
        "t=a.build(dict(cpus=%u,mem=%" G_GUINT64_FORMAT ",ver=(%u,%u,%u),pic=%s,hotplug_off=%s,ndev=%u,ports=%u,hole64=%"
        G_GUINT64_FORMAT ",hugepages=%s))\n"
        "print(' '.join(hashlib.sha384(x).hexdigest() for x in (t,a.rsdp(t),a.loader(t))))",
        machine.cpus, machine.memory_size, machine.qemu.major, machine.qemu.minor, machine.qemu.micro,
        machine.pic ? "True" : "False", machine.hotplug_off ? "True" : "False", machine.virtio_devices, machine.root_ports,
        machine.hole64_size, machine.hugepages ? "True" : "False");
    const char *const argv[] = {"python3", "-c", script, oracle, NULL};
    g_autofree char *output = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(process_check(argv, &output, &error));
    g_auto(GStrv) digests = g_strsplit(g_strchomp(output), " ", 3);
    g_autoptr(GByteArray) tables = acpi_tables(&machine);
    g_autoptr(GByteArray) rsdp = acpi_rsdp(tables);
    g_autoptr(GByteArray) loader = acpi_loader(tables);
    assert_sha384(tables, digests[0]);
    assert_sha384(rsdp, digests[1]);
    assert_sha384(loader, digests[2]);
  }
}

static void test_image_directory(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-measure-XXXXXX", NULL);
  const char *metadata = "{\"cmdline\":\"console=ttyS0\",\"kernel\":\"k\",\"initrd\":\"i\",\"bios\":\"b\",\"is_dev\":true}";
  g_autoptr(GString) sums = g_string_new(NULL);
  const struct {
    const char *name, *content;
  } files[] = {{"b", "bios"}, {"k", "kernel"}, {"i", "initrd"}, {"metadata.json", metadata}};
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(dir, files[i].name, NULL);
    guint8 digest[32];
    g_assert_true(g_file_set_contents(path, files[i].content, -1, NULL));
    digest_sha256(files[i].content, strlen(files[i].content), digest);
    g_autofree char *hex = hex_encode(digest, 32);
    g_string_append_printf(sums, "%s  %s\n", hex, files[i].name);
  }
  g_autofree char *sums_path = g_build_filename(dir, "sha256sum.txt", NULL);
  g_autofree char *kernel_path = g_build_filename(dir, "k", NULL);
  g_assert_true(g_file_set_contents(sums_path, sums->str, -1, NULL));
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, &error);
  g_assert_no_error(error);
  g_assert_true(image->is_dev && image->has_os_image_hash);
  Measurements measurements;
  g_assert_false(measure_image(image, &(MeasureVm){.cpu_count = 1, .memory_size = 2 * GIB}, &measurements, NULL));
  g_assert_true(g_file_set_contents(kernel_path, "kernal", -1, NULL)); /* a changed file */
  g_assert_null(os_image_open(dir, TRUE, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_clear_error(&error);
  g_string_append(sums, "zz  x\n");
  g_assert_true(g_file_set_contents(sums_path, sums->str, -1, NULL));
  g_assert_null(os_image_open(dir, FALSE, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/aml", test_aml);
  g_test_add_func("/measure/dsdt-lengths", test_dsdt_lengths);
  g_test_add_func("/measure/real-tables", test_real_tables);
  g_test_add_func("/measure/td-hob", test_td_hob);
  g_test_add_func("/measure/firmware", test_firmware);
  g_test_add_func("/measure/vm-config", test_vm_config);
  g_test_add_func("/measure/kernel-refusals", test_kernel_refusals);
  g_test_add_func("/measure/against-generator", test_against_generator);
  g_test_add_func("/measure/image-directory", test_image_directory);
  return g_test_run();
}
