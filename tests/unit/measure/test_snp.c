/* The launch measurement of AMD SEV-SNP (spec: measurement 11, 12.4). */
#include "measure/document.h"
#include "measure/guid.h"
#include "measure/snp.h"
#include "samples.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

#define SYNTHETIC "88b48404819692fd2a5068f1a07bf1973bbcaa1314adc670705f9388762a759faf889f8e2c71fe1ec892554415257960"

static void test_update(void) {
  guint8 digest[48] = {0}, contents[48];
  digest_sha384("page", 4, contents);
  snp_launch_update(digest, 1, 0x1000, contents);
  assert_hex(digest, 48,
             "3ebc1a70acc0bae5ae2788fae29a0371f983b19a68faf9843064f36040f58571ce5bb6bcdc9c361087073f8cffd92635");
}

static SnpDocument *synthetic(void) {
  SnpDocument *document = g_new0(SnpDocument, 1);
  document->cmdline =
      g_strdup("console=ttyS0 dstack.rootfs_hash=3333333333333333333333333333333333333333333333333333333333333333");
  memset(document->kernel_hash, 0x55, 32);
  memset(document->initrd_hash, 0x66, 32);
  document->firmware = (SnpFirmware){
      .hashes_table_gpa = 0x801000,
      .reset_eip = 0xfffffff0,
      .n_sections = 4,
      .sections = {{0x100000, 0x2000, 1}, {0x800000, 0x1000, 0x10}, {0x810000, 0x1000, 2}, {0x820000, 0x1000, 3}}};
  memset(document->firmware.ovmf_hash, 0x44, 48);
  return document;
}

static const SnpMachine synthetic_machine = {2, "epyc-v4", 1};

static void test_synthetic(void) {
  g_autoptr(SnpDocument) document = synthetic();
  g_autoptr(GError) error = NULL;
  guint8 digest[48];
  snp_launch_digest(document, &synthetic_machine, digest, &error);
  g_assert_no_error(error);
  assert_hex(digest, 48, SYNTHETIC);
  snp_launch_digest(document, &(SnpMachine){2, " EPYC-v4\n", 1}, digest, &error);
  assert_hex(digest, 48, SYNTHETIC);
}

static SnpDocument *real(void) {
  SnpDocument *document = g_new0(SnpDocument, 1);
  document->cmdline = g_strdup(
      "console=ttyS0 init=/init panic=1 net.ifnames=0 biosdevname=0 mce=off oops=panic pci=noearly pci=nommconf "
      "random.trust_cpu=y random.trust_bootloader=n tsc=reliable no-kvmclock "
      "dstack.rootfs_hash=ca5adaef0ac3a36108035925763b48a5818f634e700fbaab561d419fd30d7121 "
      "dstack.rootfs_size=490713088");
  document->firmware = (SnpFirmware){.hashes_table_gpa = 8457216,
                                     .reset_eip = 8433668,
                                     .n_sections = 7,
                                     .sections = {{8388608, 36864, 1},
                                                  {8429568, 12288, 1},
                                                  {8441856, 4096, 2},
                                                  {8445952, 4096, 3},
                                                  {8450048, 4096, 4},
                                                  {8458240, 61440, 1},
                                                  {8454144, 4096, 16}}};
  g_assert_true(hex_decode_fixed(
                    "ffb57e393469a497c0e3b07bd1c97d8611e555f464d14491837665893ac642b263a71f9507ff100a847897fe0c3f8c6f",
                    document->firmware.ovmf_hash, 48, NULL) &&
                hex_decode_fixed("dd9ea274ce9a07090b22e8284b0c841b65c021c2d15ca57d0f16731089dd226c",
                                 document->kernel_hash, 32, NULL) &&
                hex_decode_fixed("5f844c4a2ca5a3d0711b3db38293b21ba929bb8e0b3c5bc1a779a57f69221c19",
                                 document->initrd_hash, 32, NULL));
  return document;
}

static void test_real_report(void) {
  g_autoptr(SnpDocument) document = real();
  guint8 digest[48];
  g_assert_true(snp_launch_digest(document, &(SnpMachine){2, "EPYC-v4", 1}, digest, NULL));
  assert_hex(digest, 48,
             "7f51e17f72a04d5422cb2c00998166536019a217376f3aa45a630e59c805a599847ff250dbffcd07e1ba639771d6f05d");
}

static void assert_changed(const SnpDocument *document, const SnpMachine *machine) {
  guint8 digest[48];
  g_autoptr(GError) error = NULL;
  snp_launch_digest(document, machine, digest, &error);
  g_assert_no_error(error);
  g_autofree char *hex = hex_encode(digest, 48);
  g_assert_cmpstr(hex, !=, SYNTHETIC);
}

/* Everything that goes in changes what comes out. */
static void test_every_input_counts(void) {
  for (guint i = 0; i < 8; i++) {
    g_autoptr(SnpDocument) document = synthetic();
    SnpFirmware *firmware = &document->firmware;
    if (i == 0)
      document->cmdline[0] = 'C';
    if (i == 1)
      document->kernel_hash[0]++;
    if (i == 2)
      document->initrd_hash[31]++;
    if (i == 3)
      firmware->ovmf_hash[5]++;
    if (i == 4)
      firmware->hashes_table_gpa += 16;
    if (i == 5)
      firmware->reset_eip--;
    if (i == 6)
      firmware->sections[0].gpa += 0x1000;
    if (i == 7)
      firmware->sections[0].size += 0x1000;
    assert_changed(document, &synthetic_machine);
  }
  g_autoptr(SnpDocument) document = synthetic();
  assert_changed(document, &(SnpMachine){3, "epyc-v4", 1});
  assert_changed(document, &(SnpMachine){2, "epyc-milan", 1});
  assert_changed(document, &(SnpMachine){2, "epyc-v4", 3});
}

static void refuse(const SnpDocument *document, const SnpMachine *machine) {
  guint8 digest[48];
  g_autoptr(GError) error = NULL;
  g_assert_false(snp_launch_digest(document, machine, digest, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_refused(void) {
  for (guint i = 0; i < 8; i++) {
    g_autoptr(SnpDocument) document = synthetic();
    SnpFirmware *firmware = &document->firmware;
    if (i == 0)
      document->cmdline[strlen("console=ttyS0")] = 0;
    if (i == 1)
      firmware->sections[1].type = 1; /* no place for the hashes */
    if (i == 2)
      firmware->sections[0].type = 9;
    if (i == 3)
      firmware->sections[0].size = 0;
    if (i == 4)
      firmware->sections[0].size = firmware->sections[2].size = firmware->sections[3].size = G_MAXUINT32,
      firmware->n_sections = 64;
    if (i == 5)
      firmware->hashes_table_gpa = 0;
    if (i == 6)
      firmware->reset_eip = 0;
    if (i == 7)
      firmware->hashes_table_gpa = 0x801fff;
    refuse(document, &synthetic_machine);
  }
  g_autoptr(SnpDocument) document = synthetic();
  refuse(document, &(SnpMachine){0, "epyc-v4", 1});
  refuse(document, &(SnpMachine){513, "epyc-v4", 1});
  refuse(document, &(SnpMachine){2, "xeon", 1});
  refuse(document, &(SnpMachine){2, "epyc-v4", 0});
}

static void put_u32(guint8 *at, guint32 value) {
  for (guint i = 0; i < 4; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static guint8 *put_footer_entry(guint8 *at, guint32 value, const char *guid) {
  put_u32(at, value);
  memcpy(at + 4, "\x16\0", 2);
  guid_parse(guid, at + 6);
  return at + 22;
}

static GBytes *sample_sev_firmware(void) {
  guint8 *file = g_malloc0(4096);
  memcpy(file + 512, "ASEV", 4);
  put_u32(file + 520, 1), put_u32(file + 524, 4);
  static const guint32 types[] = {1, 2, 3, 0x10};
  for (guint i = 0; i < 4; i++)
    put_u32(file + 528 + 12 * i, 0x1000 * (i + 1)), put_u32(file + 532 + 12 * i, 0x1000),
        put_u32(file + 536 + 12 * i, types[i]);
  guint8 *at = file + 4096 - 32 - 18 - 3 * 22;
  at = put_footer_entry(at, 0x4000, "7255371f-3a3b-4b04-927b-1da6efa8d454");
  at = put_footer_entry(at, 0xfffffff0, "00f771de-1a7e-4fcb-890e-68c77e2fb44e");
  at = put_footer_entry(at, 3584, "dc886566-984a-4798-a75e-5585a7bf67cc");
  memcpy(at, "\x54\0", 2); /* three entries and itself */
  guid_parse("96b582de-1fb2-45f7-baea-a366c55a082d", at + 2);
  return g_bytes_new_take(file, 4096);
}

static void test_firmware(void) {
  g_autoptr(GBytes) file = sample_sev_firmware();
  SnpFirmware firmware;
  g_autoptr(GError) error = NULL;
  snp_firmware_parse(file, &firmware, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(firmware.n_sections, ==, 4);
  g_assert_cmphex(firmware.hashes_table_gpa, ==, 0x4000);
  g_assert_cmphex(firmware.reset_eip, ==, 0xfffffff0);
  assert_hex(firmware.ovmf_hash, 48,
             "7c0f80f0a8d0ab1ee23fe763b255b8b210bb71113febcda60d76c00e84512f0cc141ffaa61be7bd22164736e85ec52d3");
  gsize len;
  const guint8 *data = g_bytes_get_data(file, &len);
  for (gsize i = 0; i < 64 + 128; i++) { /* every byte of metadata and table flipped: refused or read, never a crash */
    g_autofree guint8 *copy = g_memdup2(data, len);
    copy[i < 64 ? 512 + i : len - 256 + i] ^= 0xff;
    g_autoptr(GBytes) damaged = g_bytes_new(copy, len);
    (void)snp_firmware_parse(damaged, &firmware, NULL);
  }
  g_autoptr(GBytes) cut = g_bytes_new(data, len - 1), none = g_bytes_new(data, 0);
  g_assert_false(snp_firmware_parse(cut, &firmware, NULL));
  g_assert_false(snp_firmware_parse(none, &firmware, NULL));
}

static char *snp_text(GBytes *document, const char *more) {
  gsize len;
  const guint8 *data = g_bytes_get_data(document, &len);
  guint8 digest[32];
  digest_sha256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, 32), *sums = g_strdup_printf("%s  measurement.snp.cbor\n", hex);
  g_autofree char *sums_text = g_base64_encode((const guint8 *)sums, strlen(sums)), *text = g_base64_encode(data, len);
  return g_strdup_printf(
      "{\"checksum_file\":\"%s\",\"measurement\":\"%s\",\"vcpus\":2,\"vcpu_type\":\"epyc-v4\",\"guest_"
      "features\":1%s}",
      sums_text, text, more);
}

static void image_hash(GBytes *document, guint8 out[32]) {
  guint8 digest[32];
  digest_sha256(g_bytes_get_data(document, NULL), g_bytes_get_size(document), digest);
  g_autofree char *hex = hex_encode(digest, 32), *sums = g_strdup_printf("%s  measurement.snp.cbor\n", hex);
  digest_sha256(sums, strlen(sums), out);
}

static void test_document(void) {
  g_autoptr(SnpDocument) document = synthetic();
  g_autoptr(GBytes) bytes = snp_document_print(document);
  g_autoptr(GError) error = NULL;
  g_autoptr(SnpDocument) back = snp_document_parse(bytes, &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) again = snp_document_print(back);
  g_assert_true(g_bytes_equal(bytes, again));
  guint8 digest[48], hash[32], other[32] = {0};
  image_hash(bytes, hash);
  g_autofree char *text = snp_text(bytes, "");
  snp_measure_text(text, hash, digest, &error);
  g_assert_no_error(error);
  assert_hex(digest, 48, SYNTHETIC);
  g_assert_false(snp_measure_text(text, other, digest, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_autofree char *unknown = snp_text(bytes, ",\"more\":1");
  g_assert_false(snp_measure_text(unknown, hash, digest, NULL));
  g_assert_false(snp_measure_text("{}", hash, digest, NULL));
  gsize len;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  for (gsize keep = 0; keep < len; keep++) {
    g_autoptr(GBytes) cut = g_bytes_new(data, keep);
    g_assert_null(snp_document_parse(cut, NULL));
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/snp/update", test_update);
  g_test_add_func("/measure/snp/synthetic", test_synthetic);
  g_test_add_func("/measure/snp/real-report", test_real_report);
  g_test_add_func("/measure/snp/every-input-counts", test_every_input_counts);
  g_test_add_func("/measure/snp/refused", test_refused);
  g_test_add_func("/measure/snp/firmware", test_firmware);
  g_test_add_func("/measure/snp/document", test_document);
  return g_test_run();
}
