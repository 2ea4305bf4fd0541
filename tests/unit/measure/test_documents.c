/* Measurement documents and lite verification (spec: measurement 10, 12.1). */
#include "measure/boot_log.h"
#include "measure/cbor.h"
#include "measure/document.h"
#include "samples.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

#define ROOTFS "dstack.rootfs_hash=ca5adaef0ac3a36108035925763b48a5818f634e700fbaab561d419fd30d7121"

static void set(guint8 out[48], const char *hex) { g_assert_true(hex_decode_fixed(hex, out, 48, NULL)); }

/* The document of the image that real quote A shows. */
static TdxDocument *quote_a_document(void) {
  TdxDocument *document = g_new0(TdxDocument, 1);
  *document = (TdxDocument){.version = 3, .ovmf = g_strdup("pre202505"), .td_hob = standard_layout()};
  set(document->cmdline_sha384,
      "786280842b7364287a3a70d96f7e309252857beb45fb1f91314a2ea863db0adc04c8431ecbf29a966405604631a5aab8");
  set(document->kernel_authenticode,
      "ac7e632dcf5cd2a1fe5c1f41f4d9b8219570e64ed3c61038fdbf25404e6f542ffd57f276bc5076307efaf882e6d64177");
  set(document->initrd_sha384,
      "4fe4f7710134a61d7def357add6ac50bdbfeee5032a4c100375e207216ffe42a3bd5822b24e679f91501fff795b81521");
  set(document->mrtd_two_pass,
      "fd685522ce791dfef67414614eb07d03fc07a32c5a66f36288b329dab92b724b1564c73d436ffb9ea84488c51ac5a1c5");
  set(document->mrtd_single_pass,
      "a6f2ac9451810686a4db259fe8fa5438dc4a58bda9fd2f5b1fb0928335705500d29a15c92387416a2f52dddce99c83f8");
  return document;
}

static GBytes *text_bytes(const char *text) { return g_bytes_new(text, strlen(text)); }

static const char quote_a_sums[] =
    "8c9e955f0b577cc8945a891a34ccfa5b8e08bb5e5d249992603e64dd14870e3c  measurement.tdx.cbor\n";

static void test_real_document(void) {
  g_autoptr(TdxDocument) document = quote_a_document();
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = tdx_document_print(document, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(bytes), ==, 384);
  guint8 hash[32];
  g_autoptr(GBytes) sums = text_bytes(quote_a_sums);
  g_assert_true(hex_decode_fixed("e6f5cfec20c02e7b97baa213d0f718020b55e040172d90ccbcb946d56c8b09db", hash, 32, NULL));
  document_bind(sums, bytes, DOCUMENT_TDX_FILE, hash, &error);
  g_assert_no_error(error);
  g_autoptr(TdxDocument) back = tdx_document_parse(bytes, &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) again = tdx_document_print(back, NULL);
  g_assert_true(g_bytes_equal(bytes, again));
  g_autoptr(json_t) description = tdx_document_describe(back, &error);
  g_assert_cmpstr(json_string_value(json_object_get(json_object_get(description, "tdvf"), "td_hob")), ==,
                  "80100904000609020b021010");
}

static void test_version_4(void) {
  g_autoptr(TdxDocument) document = quote_a_document();
  document->version = 4;
  document->cmdline = g_strdup("console=ttyS0 " ROOTFS);
  document->kernel_header_normalized = TRUE;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = tdx_document_print(document, &error);
  g_autoptr(TdxDocument) back = tdx_document_parse(bytes, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(back->cmdline, ==, document->cmdline);
  g_assert_true(back->kernel_header_normalized);
  guint8 expected[48];
  g_assert_true(boot_log_hash_cmdline(document->cmdline, expected, NULL));
  g_assert_cmpmem(back->cmdline_sha384, 48, expected, 48);
  g_free(document->cmdline);
  document->cmdline = g_strdup("console=ttyS0"); /* binds no root file system */
  g_autoptr(GBytes) unbound = tdx_document_print(document, NULL);
  g_assert_null(tdx_document_parse(unbound, NULL));
}

/* No cut passes, and no flip crashes. */
static void test_damage(void) {
  g_autoptr(TdxDocument) document = quote_a_document();
  g_autoptr(GBytes) bytes = tdx_document_print(document, NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  for (gsize keep = 0; keep < len; keep++) {
    g_autoptr(GBytes) cut = g_bytes_new(data, keep);
    g_assert_null(tdx_document_parse(cut, NULL));
  }
  for (gsize bit = 0; bit < 8 * len; bit++) {
    g_autofree guint8 *copy = g_memdup2(data, len);
    copy[bit / 8] ^= (guint8)(1 << bit % 8);
    g_autoptr(GBytes) flipped = g_bytes_new(copy, len);
    g_autoptr(TdxDocument) maybe = tdx_document_parse(flipped, NULL);
  }
  g_autofree guint8 *longer = g_malloc0(len + 1);
  memcpy(longer, data, len);
  g_autoptr(GBytes) trailing = g_bytes_new(longer, len + 1);
  g_assert_null(tdx_document_parse(trailing, NULL));
}

static void refuse_document(const char *hex) {
  g_autoptr(GBytes) bytes = hex_decode(hex, strlen(hex), NULL);
  g_autoptr(GError) error = NULL;
  g_assert_null(tdx_document_parse(bytes, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_refused(void) {
  refuse_document("");
  refuse_document("80");                                     /* an array */
  refuse_document("bf6776657273696f6e03ff");                 /* indefinite length */
  refuse_document("a16776657273696f6e03");                   /* the rest is missing */
  refuse_document("a36776657273696f6e036776657273696f6e03"); /* twice */
  refuse_document("a36776657273696f6e1803");                 /* not the shortest integer */
  refuse_document("a3656f74686572");                         /* an unknown member */
  refuse_document("bbffffffffffffffff");
}

static void test_cbor_integers(void) {
  static const guint64 values[] = {0,          23, 24, 255, 256, 65535, 65536, G_MAXUINT32, G_GUINT64_CONSTANT(1) << 32,
                                   G_MAXUINT64};
  static const char *const encoded[] = {"00",
                                        "17",
                                        "1818",
                                        "18ff",
                                        "190100",
                                        "19ffff",
                                        "1a00010000",
                                        "1affffffff",
                                        "1b0000000100000000",
                                        "1bffffffffffffffff"};
  for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
    g_autoptr(GByteArray) out = g_byte_array_new();
    cbor_put_uint(out, values[i]);
    assert_hex(out->data, out->len, encoded[i]);
    Reader reader = reader_init(out->data, out->len);
    g_assert_cmpuint(cbor_take_uint(&reader, G_MAXUINT64), ==, values[i]);
    g_assert_true(reader_finish(&reader, "integer", NULL));
  }
}

static void refuse_binding(const char *sums, DstackErrorCode code) {
  g_autoptr(TdxDocument) document = quote_a_document();
  g_autoptr(GBytes) bytes = tdx_document_print(document, NULL), text = text_bytes(sums);
  guint8 hash[32];
  digest_sha256(sums, strlen(sums), hash);
  g_autoptr(GError) error = NULL;
  g_assert_false(document_bind(text, bytes, DOCUMENT_TDX_FILE, hash, &error));
  g_assert_error(error, DSTACK_ERROR, (int)code);
}

static void test_binding_refused(void) {
  g_autofree char *twice = g_strconcat(quote_a_sums, quote_a_sums, NULL);
  refuse_binding("", DSTACK_ERROR_INVALID);
  refuse_binding(twice, DSTACK_ERROR_INVALID);
  refuse_binding("8c9e955f0b577cc8945a891a34ccfa5b8e08bb5e5d249992603e64dd14870e3c  measurement.snp.cbor\n",
                 DSTACK_ERROR_INVALID);
  refuse_binding("8c9e955f0b577cc8945a891a34ccfa5b8e08bb5e5d249992603e64dd14870e3d  measurement.tdx.cbor\n",
                 DSTACK_ERROR_UNVERIFIED);
  refuse_binding("8c9e955f0b577cc8945a891a34ccfa5b8e08bb5e5d249992603e64dd14870e  measurement.tdx.cbor\n",
                 DSTACK_ERROR_INVALID);
  g_autoptr(TdxDocument) document = quote_a_document();
  g_autoptr(GBytes) bytes = tdx_document_print(document, NULL), text = text_bytes(quote_a_sums);
  const guint8 other[32] = {0};
  g_autoptr(GError) error = NULL;
  g_assert_false(document_bind(text, bytes, DOCUMENT_TDX_FILE, other, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
}

/* ---- lite verification ---- */

static const MeasureVm quote_a_vm = {.cpu_count = 2, .memory_size = 2 * GIB, .qemu_version = "8.2.2", .lite = TRUE};

static void add_acpi(TdxEventLog *log, const char *name, const char *digest_hex) {
  guint8 digest[48];
  set(digest, digest_hex);
  g_autoptr(GBytes) payload = text_bytes("ACPI DATA");
  g_ptr_array_add(log, tdx_event_new(0, 10, digest, name, payload));
}

#define LOADER "095d04cf26fe03aef6e3561fa24c1aa1cea93f4aeaf563b1f9f7616184c53454875925759434769cec2490acb563a337"
#define RSDP "8d9a4d4777a1bc77ecd9d8d37a4628129a80052a510320159a20a923bd07a0e90d8d1f2e1ebf088992b25f0d0fa672ef"
#define TABLES "3070721e169bc41884724cb0e6b3082e1baf249083d8b389181ba50b9afa951057876c380b8870e8c2facf2eff67a2b6"

static TdxEventLog *quoted_log(void) {
  TdxEventLog *log = tdx_event_log_new();
  add_acpi(log, "acpi-tables", TABLES); /* found by name, whatever the order */
  add_acpi(log, "acpi-loader", LOADER);
  add_acpi(log, "acpi-rsdp", RSDP);
  return log;
}

static void test_lite(void) {
  g_autoptr(TdxDocument) document = quote_a_document();
  g_autoptr(TdxEventLog) log = quoted_log();
  g_auto(Measurements) measured = {0};
  gboolean acpi_verified = FALSE;
  g_autoptr(GError) error = NULL;
  tdx_document_measure(document, &quote_a_vm, log, &measured, &acpi_verified, &error);
  g_assert_no_error(error);
  g_assert_true(acpi_verified);
  assert_hex(measured.mrtd, 48,
             "fd685522ce791dfef67414614eb07d03fc07a32c5a66f36288b329dab92b724b1564c73d436ffb9ea84488c51ac5a1c5");
  assert_hex(measured.rtmr[0], 48,
             "f8438db36b96f85d8752ff7f24a89ec05c79ec9eda2ba732c897fb970ca429365b7471b1c054cb84f17b1c2b23ba6640");
  assert_hex(measured.rtmr[1], 48,
             "2023546e7f3b9d1228e274f70c44d481162540f8452544520a796a52f06879709b81a824a26792a7822327504b0d2aee");
  assert_hex(measured.rtmr[2], 48,
             "4c1b739ed451a637b0f82642e48a5ea83925d23633c72e7385c8e9aca4175e133ed1625b7d92eb39edf509c27ff392dc");
}

static void refuse_lite(const MeasureVm *vm, TdxEventLog *log, DstackErrorCode code) {
  g_autoptr(TdxDocument) document = quote_a_document();
  g_auto(Measurements) none = {0};
  gboolean acpi_verified = TRUE;
  g_autoptr(GError) error = NULL;
  g_assert_false(tdx_document_measure(document, vm, log, &none, &acpi_verified, &error));
  g_assert_error(error, DSTACK_ERROR, (int)code);
  g_assert_false(acpi_verified);
}

static void test_lite_refused(void) {
  g_autoptr(TdxEventLog) good = quoted_log(), none = tdx_event_log_new(), twice = quoted_log(), fourth = quoted_log(),
                         hostile = tdx_event_log_new();
  add_acpi(twice, "acpi-rsdp", RSDP);
  add_acpi(fourth, "acpi-more", RSDP);
  add_acpi(hostile, "acpi-tables", LOADER); /* tables that QEMU does not make */
  add_acpi(hostile, "acpi-loader", LOADER);
  add_acpi(hostile, "acpi-rsdp", RSDP);
  refuse_lite(&quote_a_vm, none, DSTACK_ERROR_INVALID);
  refuse_lite(&quote_a_vm, twice, DSTACK_ERROR_INVALID);
  refuse_lite(&quote_a_vm, fourth, DSTACK_ERROR_INVALID);
  refuse_lite(&quote_a_vm, hostile, DSTACK_ERROR_UNVERIFIED);
  MeasureVm other = quote_a_vm;
  other.cpu_count = 3;
  refuse_lite(&other, good, DSTACK_ERROR_UNVERIFIED);
  other = quote_a_vm;
  other.memory_size = 1 * GIB;
  refuse_lite(&other, good, DSTACK_ERROR_INVALID);
  other = quote_a_vm;
  other.ovmf_variant = "stable202505";
  refuse_lite(&other, good, DSTACK_ERROR_INVALID);
}

/* The quote itself, where the shared fixtures are at hand. */
static void test_lite_fixture(void) {
  g_autofree char *shared = g_strdup(g_getenv("DSTACK_SHARED_DIR"));
  if (!shared)
    shared = g_build_filename(SOURCE_ROOT, "..", "shared", NULL);
  g_autofree char *path = g_build_filename(shared, "fixtures/attestation/dstack/tdx-lite-getquote.json", NULL);
  g_autoptr(json_t) fixture = json_parse_file(path, 1 << 20, NULL);
  if (!fixture) {
    g_test_skip("the fixtures are not here");
    return;
  }
  const char *vm_config = json_get_string(fixture, "vm_config", "fixture", NULL);
  const char *events = json_get_string(fixture, "event_log", "fixture", NULL);
  MeasureVm vm;
  guint8 hash[32];
  gboolean has_hash, acpi_verified;
  g_autoptr(GBytes) storage = NULL, sums = NULL, bytes = NULL, raw = json_get_hex(fixture, "quote", "fixture", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(measure_vm_parse(vm_config, &vm, hash, &has_hash, &storage, &error));
  g_assert_true(vm.lite);
  g_assert_true(document_decode_pair(vm.tdx_checksum_file, vm.tdx_measurement, &sums, &bytes, &error));
  g_assert_true(document_bind(sums, bytes, DOCUMENT_TDX_FILE, hash, &error));
  g_autoptr(TdxDocument) document = tdx_document_parse(bytes, &error);
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(events, strlen(events), &error);
  g_auto(Measurements) measured = {0};
  g_assert_true(document && log && tdx_document_measure(document, &vm, log, &measured, &acpi_verified, &error));
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_cmpmem(quote->td.mr_td, 48, measured.mrtd, 48);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpmem(quote->td.rtmr[i], 48, measured.rtmr[i], 48);
}

/* ---- documents of images ---- */

static void test_of_image(void) {
  g_autoptr(GBytes) firmware = sample_firmware(), kernel = sample_kernel(), initrd = g_bytes_new_static("initrd", 6);
  g_autofree char *dir = sample_image(firmware, kernel, initrd, "console=ttyS0", "");
  g_autoptr(OsImage) unbound = os_image_open(dir, FALSE, NULL);
  g_autoptr(GError) error = NULL;
  g_assert_null(tdx_document_of_image(unbound, &error));
  g_assert_nonnull(strstr(error->message, "rootfs_hash"));
  g_clear_error(&error);
  g_autofree char *other = sample_image(firmware, kernel, initrd, ROOTFS, "");
  g_autoptr(OsImage) image = os_image_open(other, FALSE, NULL);
  g_assert_null(tdx_document_of_image(image, &error));
  g_assert_nonnull(strstr(error->message, "variable store"));
  g_assert_true(file_remove_tree(dir, NULL) && file_remove_tree(other, NULL));
}

static void test_cloud_documents(void) {
  guint8 hash[32], back[32];
  memset(hash, 0x5a, sizeof hash);
  g_autoptr(GBytes) gcp = gcp_document_print(hash), aws = aws_document_print(hash);
  g_assert_true(gcp_document_parse(gcp, back, NULL));
  g_assert_cmpmem(hash, 32, back, 32);
  g_assert_true(aws_document_parse(aws, back, NULL));
  g_assert_false(aws_document_parse(gcp, back, NULL));
  g_assert_false(gcp_document_parse(aws, back, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/measure/document/real", test_real_document);
  g_test_add_func("/measure/document/version-4", test_version_4);
  g_test_add_func("/measure/document/damage", test_damage);
  g_test_add_func("/measure/document/refused", test_refused);
  g_test_add_func("/measure/document/cbor-integers", test_cbor_integers);
  g_test_add_func("/measure/document/binding-refused", test_binding_refused);
  g_test_add_func("/measure/document/of-image", test_of_image);
  g_test_add_func("/measure/document/cloud", test_cloud_documents);
  g_test_add_func("/measure/lite/vector", test_lite);
  g_test_add_func("/measure/lite/refused", test_lite_refused);
  g_test_add_func("/measure/lite/fixture", test_lite_fixture);
  return g_test_run();
}
