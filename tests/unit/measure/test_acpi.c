/* The ACPI blobs against captured tables and real quotes (spec: measurement 5, 12). */
#include "measure/acpi.h"
#include "measure/aml.h"
#include "measure/boot_log.h"
#include "samples.h"

#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

static AcpiMachine edge_machine(guint cpus) {
  return (AcpiMachine){.cpus = cpus, .memory_size = 2 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5};
}

static void test_aml(void) {
  g_autoptr(GByteArray) code = g_byte_array_new();
  aml_assemble(code, "(processor C002 2 (method! _STA 0 (return (call CSTA 2))) (name _MAT (buffer 0008020201000000))"
                     " (method _EJ0 1 (call CEJ0 2)) (method! _OST 3 (call COST 2 A0 A1 A2)))");
  assert_hex(code->data, code->len,
             "5b83480443303032020000000000140d5f53544108a4435354410a02085f4d4154110b0a080008020201000000140c5f454a3001"
             "43454a300a02140f5f4f53540b434f53540a0268696a");
}

static void test_dsdt_lengths(void) {
  static const struct {
    QemuVersion qemu;
    guint cpus, len;
  } vectors[] = {{{8, 2, 2}, 1, 8202},  {{8, 2, 2}, 2, 8285},    {{8, 2, 2}, 3, 8371},    {{8, 2, 2}, 16, 9490},
                 {{8, 2, 2}, 17, 9576}, {{8, 2, 2}, 64, 13620},  {{8, 2, 2}, 128, 19124}, {{8, 2, 2}, 256, 30157},
                 {{9, 2, 1}, 1, 8220},  {{9, 2, 1}, 300, 35235}, {{10, 0, 2}, 1, 8287},   {{11, 0, 0}, 1, 8274},
                 {{11, 1, 0}, 1, 8275}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    AcpiMachine machine = edge_machine(vectors[i].cpus);
    machine.qemu = vectors[i].qemu;
    g_autoptr(GByteArray) body = acpi_dsdt(&machine);
    g_assert_cmpuint(body->len + 36, ==, vectors[i].len);
  }
}

static void assert_lengths(const AcpiMachine *machine, guint dsdt, guint apic) {
  g_autoptr(GByteArray) body = acpi_dsdt(machine);
  g_assert_cmpuint(body->len + 36, ==, dsdt);
  g_autoptr(GByteArray) blob = acpi_tables(machine);
  const guint8 *table = blob->data + 0x40 + dsdt + 244; /* behind FACS, DSDT and FACP */
  g_assert_cmpmem(table, 4, "APIC", 4);
  g_assert_cmpuint(table[4] | table[5] << 8 | table[6] << 16, ==, apic);
}

static void test_lengths_of_larger_machines(void) {
  const AcpiMachine level = {.cpus = 2, .memory_size = 4 * GIB, .qemu = {9, 2, 1}, .virtio_devices = 5};
  AcpiMachine ports = level, pages = level, one_gpu = level, many = edge_machine(256);
  ports.root_ports = 8;
  pages.hugepages = TRUE;
  one_gpu.cpus = 16;
  one_gpu.memory_size = 64 * GIB;
  one_gpu.hotplug_off = TRUE;
  one_gpu.hole64_size = G_GUINT64_CONSTANT(1) << 44;
  one_gpu.root_ports = 1;
  assert_lengths(&ports, 9859, 128);
  assert_lengths(&pages, 8315, 128);
  assert_lengths(&one_gpu, 9098, 240);
  assert_lengths(&many, 30157, 2284);
}

static void assert_cpu_object(guint cpus, const char *hex) {
  const AcpiMachine machine = edge_machine(cpus);
  g_autoptr(GByteArray) body = acpi_dsdt(&machine);
  g_autoptr(GBytes) object = hex_decode(hex, strlen(hex), NULL);
  gsize len;
  const void *bytes = g_bytes_get_data(object, &len);
  g_assert_nonnull(memmem(body->data, body->len, bytes, len));
}

static void test_cpu_objects(void) {
  assert_cpu_object(1, "5b833843303030000000000000140c5f53544108a44353544100085f4d4154110b0a08000800000100"
                       "0000140e5f4f53540b434f53540068696a");
  assert_cpu_object(3, "5b83480443303032020000000000140d5f53544108a4435354410a02085f4d4154110b0a080008020201000000"
                       "140c5f454a300143454a300a02140f5f4f53540b434f53540a0268696a");
  assert_cpu_object(256, "5b82400643304646085f4849440d414350493030303700085f5549440aff140d5f53544108a4435354410aff085f"
                         "4d415411130a1009100000ff00000001000000ff000000140c5f454a300143454a300aff140f5f4f53540b434f53"
                         "540aff68696a");
}

/* Bytes of an AML package from its opcode on; `at` is on the length. */
static guint package_end(const GByteArray *code, guint at) {
  guint8 lead = code->data[at];
  guint more = lead >> 6, len = more ? lead & 0x0f : lead & 0x3f;
  for (guint i = 0; i < more; i++)
    len |= (guint)code->data[at + 1 + i] << (4 + 8 * i);
  return at + len;
}

/* The top-level terms of a DSDT: scopes, methods, and one name of 6 bytes. */
static guint next_term(const GByteArray *code, guint at) {
  return code->data[at] == 0x08 ? at + 6 : package_end(code, at + 1);
}

static void assert_terms(const AcpiMachine *machine, const char *const *checkpoints) {
  g_autoptr(GByteArray) code = acpi_dsdt(machine);
  guint at = 0;
  for (guint i = 0; checkpoints[i]; i++) {
    guint end = next_term(code, at);
    guint8 digest[32];
    digest_sha256(code->data + at, end - at, digest);
    g_autofree char *hex = hex_encode(digest, 8);
    g_autofree char *got = g_strdup_printf("%u %s", end - at, hex);
    g_assert_cmpstr(got, ==, checkpoints[i]);
    at = end;
  }
  g_assert_cmpuint(at, ==, code->len);
}

static void test_dsdt_terms(void) {
  static const char *const edge[] = {"74 576ff1c660da1fd7",  "316 5793fc68450a4a03",  "333 f0ebe8f261d3bfe3",
                                     "6 9211d10bfc859350",   "13 81e0872bd4f3ecda",   "5475 b2bf1bc015db666a",
                                     "21 53fa762ff5242ee2",  "1008 d9a075e820cd5465", "28 8a3d8394873e5e74",
                                     "350 eb450c5ca878e0c1", "42 bc02e41f58baa1bd",   "60 6f4baf38047af7b0",
                                     "427 ed77fd97815ccad8", "13 eb0f2c0c718d66e9",   NULL};
  static const char *const level[] = {"74 576ff1c660da1fd7",  "316 5793fc68450a4a03",  "351 bc424bcdb2185df4",
                                      "6 9211d10bfc859350",   "13 81e0872bd4f3ecda",   "5475 6a0b805146c3f575",
                                      "21 53fa762ff5242ee2",  "1008 d9a075e820cd5465", "28 8a3d8394873e5e74",
                                      "350 eb450c5ca878e0c1", "42 bc02e41f58baa1bd",   "60 6f4baf38047af7b0",
                                      "427 ed77fd97815ccad8", "13 eb0f2c0c718d66e9",   NULL};
  static const char *const gpu[] = {"74 576ff1c660da1fd7",
                                    "316 0d049d6d0eaffde2",
                                    "6 9211d10bfc859350",
                                    "13 81e0872bd4f3ecda",
                                    "5475 6a0b805146c3f575",
                                    "21 53fa762ff5242ee2",
                                    "2296 33c31cb135352882",
                                    "28 8a3d8394873e5e74",
                                    "274 f17f7305ca275117",
                                    "42 bc02e41f58baa1bd",
                                    "60 6f4baf38047af7b0",
                                    "457 965b378b83b6a14b",
                                    NULL};
  AcpiMachine machine = edge_machine(1);
  assert_terms(&machine, edge);
  machine.qemu = (QemuVersion){9, 2, 1};
  assert_terms(&machine, level);
  machine = (AcpiMachine){.cpus = 16,
                          .memory_size = 64 * GIB,
                          .qemu = {9, 2, 1},
                          .hotplug_off = TRUE,
                          .hole64_size = G_GUINT64_CONSTANT(1) << 44,
                          .virtio_devices = 5,
                          .root_ports = 1};
  assert_terms(&machine, gpu);
}

static void assert_term(const AcpiMachine *machine, guint index, const char *expected) {
  g_autoptr(GByteArray) code = acpi_dsdt(machine);
  guint at = 0;
  for (guint i = 1; i < index; i++)
    at = next_term(code, at);
  guint end = next_term(code, at);
  guint8 digest[32];
  digest_sha256(code->data + at, end - at, digest);
  g_autofree char *hex = hex_encode(digest, 8);
  g_autofree char *got = g_strdup_printf("%u %s", end - at, hex);
  g_assert_cmpstr(got, ==, expected);
}

static void test_newer_cpu_terms(void) {
  static const struct {
    guint cpus;
    const char *checkpoint;
  } vectors[] = {{1, "1075 3d4218c59f664efa"},
                 {2, "1158 93aa3b30b9ccb47d"},
                 {9, "1761 12a094c26dbb867a"},
                 {64, "6493 e2e35ddb6efa7417"}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    AcpiMachine machine = edge_machine(vectors[i].cpus);
    machine.qemu = (QemuVersion){10, 0, 2};
    assert_term(&machine, 8, vectors[i].checkpoint);
  }
}

static void test_port_terms(void) {
  AcpiMachine machine = edge_machine(1);
  machine.qemu = (QemuVersion){9, 2, 1};
  machine.root_ports = 8;
  g_autoptr(GByteArray) code = acpi_dsdt(&machine);
  static const guint lengths[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1521, 411, 64};
  guint at = 0;
  for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
    guint end = next_term(code, at);
    g_assert_true(lengths[i] == 0 || end - at == lengths[i]);
    at = end;
  }
  g_assert_cmpuint(at, ==, code->len);
}

static void assert_table(const GByteArray *blob, guint at, guint len, const char *sha256) {
  guint8 digest[32];
  digest_sha256(blob->data + at, len, digest);
  assert_hex(digest, sizeof digest, sha256);
}

static void test_tables_one_by_one(void) {
  AcpiMachine machine = edge_machine(1);
  g_autoptr(GByteArray) blob = acpi_tables(&machine);
  g_autoptr(GByteArray) rsdp = acpi_rsdp(blob);
  assert_table(blob, 0x40, 8202, "99bde4fe840d026824c268b0a6eaa58484dd31d19fc7fdf202b6516697b63d07");
  assert_table(blob, 0x204a, 244, "60971f80b3860c333e1564811229f5c3f7a29c5c2f07aaea8c81ced8d37d0b0a");
  assert_table(blob, 0x213e, 230, "417028c3e2040048edbc52459fe8d34ccb922b46bb8a8b4c946c8bd63552d675");
  assert_table(blob, 0x2224, 60, "232640dc0edb96f9bb29c0d9c8a6514be0cb000488e0c9bec19dd2c59a1dc041");
  assert_table(blob, 0x2260, 40, "387a8f1bac36f529e9528d024c486743f07c9a50c45898c1f52a396e72c1e4dd");
  assert_table(blob, 0x2288, 52, "0334909dc2620329dd66937b5c41d4da59226ca11c00ee1122eedc4c4c6e2311");
  assert_hex(rsdp->data, rsdp->len, "525344205054522000424f434853200088220000");
}

#define CFV "344bc51c980ba621aaa00da3ed7436f7d6e549197dfe699515dfa2c6583d95e6412af21c097d473155875ffd561d6790"

static void digest_of(const GByteArray *data, guint8 out[48]) { digest_sha384(data->data, data->len, out); }

static void assert_optional(const guint8 digest[48], const char *expected) {
  if (expected)
    assert_hex(digest, 48, expected);
}

typedef struct {
  const char *name;
  AcpiMachine machine;
  const char *loader, *rsdp, *tables, *rtmr0; /* NULL: not in the specification */
} BlobVector;

static void assert_vector(const BlobVector *vector) {
  g_test_message("%s", vector->name);
  g_autoptr(GByteArray) tables = acpi_tables(&vector->machine);
  g_autoptr(GByteArray) rsdp = acpi_rsdp(tables);
  g_autoptr(GByteArray) loader = acpi_loader(tables);
  TdHobLayout layout = standard_layout();
  g_autoptr(GByteArray) hob = td_hob_build(&layout, vector->machine.memory_size);
  FirmwareDigests digests;
  digest_of(hob, digests.td_hob);
  digest_of(loader, digests.acpi_loader);
  digest_of(rsdp, digests.acpi_rsdp);
  digest_of(tables, digests.acpi_tables);
  g_assert_true(hex_decode_fixed(CFV, digests.cfv, sizeof digests.cfv, NULL));
  assert_optional(digests.acpi_loader, vector->loader);
  assert_optional(digests.acpi_rsdp, vector->rsdp);
  assert_optional(digests.acpi_tables, vector->tables);
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  boot_log_add_firmware(log, &digests);
  guint8 rtmr0[48];
  g_assert_true(tdx_replay(log, 0, NULL, rtmr0, NULL));
  assert_optional(rtmr0, vector->rtmr0);
}

static void test_vectors(void) {
  static const BlobVector vectors[] = {
      {"quote A",
       {.cpus = 2, .memory_size = 2 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5},
       "095d04cf26fe03aef6e3561fa24c1aa1cea93f4aeaf563b1f9f7616184c53454875925759434769cec2490acb563a337",
       "8d9a4d4777a1bc77ecd9d8d37a4628129a80052a510320159a20a923bd07a0e90d8d1f2e1ebf088992b25f0d0fa672ef",
       "3070721e169bc41884724cb0e6b3082e1baf249083d8b389181ba50b9afa951057876c380b8870e8c2facf2eff67a2b6",
       "f8438db36b96f85d8752ff7f24a89ec05c79ec9eda2ba732c897fb970ca429365b7471b1c054cb84f17b1c2b23ba6640"},
      {"quote B",
       {.cpus = 16,
        .memory_size = 64 * GIB,
        .qemu = {9, 2, 1},
        .hotplug_off = TRUE,
        .hole64_size = G_GUINT64_CONSTANT(17592186044416),
        .virtio_devices = 5,
        .root_ports = 1},
       "2065dd48d647e4377db277ba203526901a17845e93e0df4c2dfc3ce136e0910324ead1e1c86b8d90c2acdf9c85ffac53",
       "772b0169c66b52e4453fff9e3c6257635ea950ebcc8edd7ef2e2f8241cf6a155f39df01a7c7a194b6bc0abe5de11861d",
       "abfb2256644b5786eefdcb92303d2008c36cb9500d98997e215ef5080745d4bf2e5b3629090918e193e7f05b173d48c5",
       "2e3843265f8ecdd4e2282694747f6f2f111605c33f2a8882f5734ee6f3a6ce63d8f34aeef06093dcda76fa5f9d33d8d6"},
      {"old image",
       {.cpus = 1, .memory_size = 2 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 4},
       "68cd79315e70aecd4afe7c1b23a5ed7b3b8e51a477e1739f111b3156def86bbc56ebf239dcd4591bc7a9fff90023f481",
       "6bc203b3843388cc4918459c3f5c6d1300a796fb594781b7ecfaa3ae7456975f095bfcc1156c9f2d25e8b8bc1b520f66",
       "ec9e8622a100c399d71062a945f95d8e4cdb7294e8b1c6d17a6a8d37b5084444000a78b007ef533f290243421256d25c",
       NULL},
      {"1c 2G 8.2.2 (release image)",
       {.cpus = 1, .memory_size = 2 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5},
       "39740da2ea1e7e6c69e5e6569755b2ad6d622a8a9983a2c5b32d5574659dbdc4ca8b95b1c766bd610bc5c26dcde842f8",
       "6385b89d2decb3de678d51faba0ff3506835915818fd3ee53a739aa678cd9c76bdd755adfa0aa714cf35a1abe062b253",
       "05705c3ca9d71e908d5ce70d4331b6aadce5331b9a6a546f222f017fb0e1797b951a3dac72f59cb197a0c897a201ca07",
       "68102e7b524af310f7b7d426ce75481e36c40f5d513a9009c046e9d37e31551f0134d954b496a3357fd61d03f07ffe96"},
      {"4c 4G 8.2.2",
       {.cpus = 4, .memory_size = 4 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5},
       "331d1d482d04a6415b6733f16288a89bd13a2fa7977b4f7c81a52f35bad542de6ceed4a75f9234dd52f1cba64675fce0",
       "4ec75e379af417800fce8458a5a2709e654e7c2fa72fde5cef3acd43c9aba8cf78dac91bb72f8fd5a5dce66e64c12220",
       "557cc395901d6f9dbc35609ed51753ca7915cf2e9aece2f9cf9003baee61318672aea1a405c9b4f51b337f5e58403971",
       "3c73c2022e17d503f3da4938ab333025024948e7734bcbc3a0bca64df8423f95276bb5f9f2616f3edf1f3451c0e0f4bd"},
      {"9c 1G 8.2.2",
       {.cpus = 9, .memory_size = 1 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5},
       NULL,
       NULL,
       "bbe3e49c42bcaa7ee1b8135cfcf6e3dd8af2ccaca2263e492eabe8a7561437f3c031c6fa2ab8bb4a114a998471c2db8d",
       "ad636d4673f05856471b58bdf9deb87fd5854be8e807b5ce99bf293ad690b0e5227de10599af35700110f06f7d6dbc8c"},
      {"1c 2G 9.1.0",
       {.cpus = 1, .memory_size = 2 * GIB, .qemu = {9, 1, 0}, .virtio_devices = 5},
       NULL,
       NULL,
       "bf59d385de5dbab70ffe5669f700a62d5bf28d06016df39c532c52024698031589e6d99c1323e64bbb8b9619d724f7c2",
       "15ee1dc6ec6cb4d19360f14eb6969d36f4d8bda83775690611229a7d0434d5dd025095362b41dc8cea8d5ce81f4977c8"},
      {"1c 2G 9.2.1",
       {.cpus = 1, .memory_size = 2 * GIB, .qemu = {9, 2, 1}, .virtio_devices = 5},
       "28d4fe94dfb2f773691099d27971878260127377c57924cc9f4aa46afd5e67cfa62341631a894351a8e2566a26776eae",
       "8b0eb332cbb9b0b22980582d56708d4b95912f046e52f727a755febd51ab0fa883139dac27ac3b133b2f5c09ebbda61b",
       "c4cdea67314c23b7f5d9dd6e930bc498b7a4dab605d8851531cbfc4272482edd8df9a605aff97cd1311ea0347d03c16a",
       "5c5942cae8df3806bf0ce969f6aff47f077553ad6fcdc6bcca8225523d79c61f55a56b7a4b9b9c718fd3e68fd652765f"},
      {"300c 4G 9.2.1",
       {.cpus = 300, .memory_size = 4 * GIB, .qemu = {9, 2, 1}, .virtio_devices = 5},
       NULL,
       NULL,
       "2a316e372c1ccdd76abfd04bc40684ab69b09cbc4a267c6929eb8f36338b2a5b512f67a32dcb2a02b60ef00bab35d1c7",
       "d40b9236e7d9e01d8e30add2f71ab10eef48ffacb4d9a1544e1625d852b764d99e5840b00dae3ba5b76bb0551a08e63f"},
      {"1c 2.5G 8.2.2",
       {.cpus = 1, .memory_size = 5 * GIB / 2, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5},
       NULL,
       NULL,
       "5f9ba7cf09f0d022b8e3f7ca21bb2633d0969c4076bd10465cfd2ee4223edcbcbf9e718cc64783c7a1963fa120b60831",
       NULL},
      {"hole64 0x8000000000",
       {.cpus = 1,
        .memory_size = 2 * GIB,
        .qemu = {8, 2, 2},
        .pic = TRUE,
        .virtio_devices = 5,
        .hole64_size = G_GUINT64_CONSTANT(0x8000000000)},
       NULL,
       NULL,
       "d919b39d2bcf745d9ac46e55be3f0e7831e5c2341e806c2dcfa38533852c1b2585336379313b387eb735b2ac7c27f57f",
       NULL},
      {"1c 2G 10.0.2",
       {.cpus = 1, .memory_size = 2 * GIB, .qemu = {10, 0, 2}, .virtio_devices = 5},
       NULL,
       NULL,
       "8583382b5eb22b3b7b8194777aa82ae7060c6b5e8387ee59926a9dc429e1069a9215c24dd299cee42611fd1960711c50",
       "131221a6abfe1dfef41ac2598c1d731b44d19270b39059c59ede8a82ff2c18a812af58cf90d0047085f2bfaf54fb1229"},
      {"8 gpus, hotplug on",
       {.cpus = 2, .memory_size = 4 * GIB, .qemu = {9, 2, 1}, .virtio_devices = 5, .root_ports = 8},
       NULL,
       NULL,
       "e19e64c27903c6128baf3bb2b31344900b87db633b75e4f0b8d4d164a1a8483e3468294a819921a366a0e0f2f6ebd590",
       "95764f949d0c12bb20d923f5361eb23f4da46e2436fe20233ac102f20620f6dd201bb1afe06475dc1091f1f78d75bfb0"},
      {"hugepages",
       {.cpus = 2, .memory_size = 4 * GIB, .qemu = {9, 2, 1}, .virtio_devices = 5, .hugepages = TRUE},
       "546924364ad3ec76c27d9c09b16ea45dc7d897b3f9614b3e48ea134fdc516e83f8a473759d07bf0a8d51b0f05a28c02a",
       NULL,
       "65b40b879e0a0a331859fab775bc25fca4b8dacebde3e5d3ec64e056cd0470130c40d56ceadc10164abffafdf68aa0a1",
       "669e4099e43dcffc1e700edc1bda476e849b7037061f6d682c4207e641a839b8320d276be64d953cf7e0aea01f0a4f02"},
      {"hotplug off",
       {.cpus = 1, .memory_size = 2 * GIB, .qemu = {8, 2, 2}, .pic = TRUE, .virtio_devices = 5, .hotplug_off = TRUE},
       NULL,
       NULL,
       "e83765470074fb39b63efc11b41cb151a97eb69fe9ed072893e107e82cfdc54f0c74e4170258097bf2e2b914a74346b3",
       NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++)
    assert_vector(&vectors[i]);
}

/* An empty range is no range at all, and a base of its own moves it. */
static void test_hole64(void) {
  AcpiMachine machine = edge_machine(1);
  g_autoptr(GByteArray) standard = acpi_dsdt(&machine);
  machine.hole64_empty = TRUE;
  g_autoptr(GByteArray) without = acpi_dsdt(&machine);
  g_assert_cmpuint(standard->len - without->len, ==, 46); /* one QWORD descriptor */
  machine.hole64_empty = FALSE;
  machine.hole64_base = G_GUINT64_CONSTANT(0x700000000000);
  g_autoptr(GByteArray) moved = acpi_dsdt(&machine);
  g_assert_cmpuint(moved->len, ==, standard->len);
  g_assert_cmpint(memcmp(moved->data, standard->data, standard->len), !=, 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/acpi/aml", test_aml);
  g_test_add_func("/measure/acpi/dsdt-lengths", test_dsdt_lengths);
  g_test_add_func("/measure/acpi/lengths-of-larger-machines", test_lengths_of_larger_machines);
  g_test_add_func("/measure/acpi/cpu-objects", test_cpu_objects);
  g_test_add_func("/measure/acpi/dsdt-terms", test_dsdt_terms);
  g_test_add_func("/measure/acpi/newer-cpu-terms", test_newer_cpu_terms);
  g_test_add_func("/measure/acpi/port-terms", test_port_terms);
  g_test_add_func("/measure/acpi/tables-one-by-one", test_tables_one_by_one);
  g_test_add_func("/measure/acpi/vectors", test_vectors);
  g_test_add_func("/measure/acpi/hole64", test_hole64);
  return g_test_run();
}
