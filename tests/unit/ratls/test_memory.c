/* No allocation grows with what hostile evidence claims of itself: every place of a well-formed piece is overwritten
 * with huge lengths and counts, and reading it never takes more than a fixed multiple of the bytes that are really
 * there. Texts that are short on the wire and large once parsed are held to the same. */
#include "base/file.h"
#include "heap_meter.h"
#include "measure/tdvf.h"
#include "ratls/attestation.h"
#include "ratls/csr.h"
#include "ratls/evidence.h"
#include "simulated_tee.h"

#include <string.h>

#define NOW 1795000000
#define FIXED (64 * 1024) /* bytes that any reading may take */
#define FACTOR 4          /* and bytes for each byte of binary input */
#define TEXT_FIXED                                                                                                     \
  (20 * 1024 * 1024) /* and what a text may take beyond that, however long: its values are limited in number */
#define TEXT_SIZE (4 * 1024 * 1024) /* of the made texts */
#define MAX_SIZE (1 << 20)

typedef void (*ReadFunc)(GBytes *input);

static gsize peak_of(ReadFunc read, const void *data, gsize len) {
  g_autoptr(GBytes) input = g_bytes_new(data, len);
  heap_meter_start();
  read(input);
  return heap_meter_peak();
}

static void assert_bounded(ReadFunc read, const void *data, gsize len, gsize fixed, const char *what, gsize where) {
  gsize peak = peak_of(read, data, len);
  if (peak > fixed + FACTOR * len)
    g_error("%s, changed at %zu: %zu bytes of heap for %zu of input", what, where, peak, len);
}

/* ---- what reads ---- */

static DcapCollateral *collateral; /* of the simulated TEE, as are root and clock */
static X509 *root;

static void read_quote(GBytes *input) {
  g_auto(DcapVerdict) verdict = {0};
  const DcapOptions options = {.root = root, .now = NOW};
  dcap_verify_bytes(input, collateral, &options, &verdict, NULL, NULL);
}

static void read_collateral(GBytes *input) {
  gsize len;
  const char *text = g_bytes_get_data(input, &len);
  g_autoptr(DcapCollateral) read = dcap_collateral_parse(text, len, NULL);
}

static void read_event_log(GBytes *input) {
  gsize len;
  const char *text = g_bytes_get_data(input, &len);
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(text, len, NULL);
}

static void read_ccel(GBytes *input) {
  gsize len;
  const void *data = g_bytes_get_data(input, &len);
  g_autoptr(TdxEventLog) log = tdx_ccel_parse(data, len, NULL);
}

static void read_attestation(GBytes *input) {
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(input, NULL);
}

static void read_csr(GBytes *input) {
  g_autoptr(GBytes) signature = g_bytes_new_static("", 0);
  for (guint version = 1; version <= 2; version++) {
    g_autoptr(RatlsCsr) csr = ratls_csr_open(version, input, signature, NULL);
  }
}

static void read_app_info(GBytes *input) { g_autoptr(AppInfo) info = ratls_app_info_decode(input, NULL); }
static void read_firmware(GBytes *input) { g_autoptr(Tdvf) tdvf = tdvf_parse(input, NULL); }

/* ---- binary formats ---- */

/* Lengths are of 1, 2, 4 and 8 bytes, in either order, and MessagePack marks the long kinds by the byte before. */
static const struct {
  guint8 bytes[9];
  gsize len;
} claims[] = {
    {"\xff", 1},
    {"\xff\xff", 2},
    {"\xff\xff\xff\xff", 4},
    {"\xff\xff\xff\x7f", 4},
    {"\x00\x00\x00\x40", 4},
    {"\x03\xff\xff\xff\x3f", 5},
    {"\xff\xff\xff\xff\xff\xff\xff\xff", 8},
    {"\xc6\x7f\xff\xff\xff", 5},
    {"\xdb\x7f\xff\xff\xff", 5},
    {"\xdd\x7f\xff\xff\xff", 5},
    {"\xdf\x7f\xff\xff\xff", 5},
};

static void overwrite_everywhere(ReadFunc read, GBytes *piece, const char *what) {
  gsize len;
  const guint8 *data = g_bytes_get_data(piece, &len);
  for (gsize at = 0; at < len; at++)
    for (gsize i = 0; i < G_N_ELEMENTS(claims); i++) {
      g_autofree guint8 *changed = g_memdup2(data, len);
      memcpy(changed + at, claims[i].bytes, MIN(claims[i].len, len - at));
      assert_bounded(read, changed, len, FIXED, what, at);
    }
}

typedef struct {
  const char *corpus; /* under tests/fuzz */
  ReadFunc read;
} Kind;

static const Kind kinds[] = {
    {"dcap/corpus/quote", read_quote},
    {"tdx/corpus/ccel", read_ccel},
    {"ratls/corpus/attestation", read_attestation},
    {"ratls/corpus/csr", read_csr},
    {"ratls/corpus/certificate", read_app_info},
    {"measure/corpus/tdvf", read_firmware},
};

static void test_claims(gconstpointer data) {
  const Kind *kind = data;
  g_autofree char *folder = g_build_filename(g_getenv("DSTACK_FUZZ_CORPORA"), kind->corpus, NULL);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  g_assert_nonnull(dir);
  guint n = 0;
  for (const char *name; (name = g_dir_read_name(dir)) != NULL; n++) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GBytes) piece = file_read(path, MAX_SIZE, NULL);
    g_assert_nonnull(piece);
    overwrite_everywhere(kind->read, piece, path);
  }
  g_assert_cmpuint(n, >, 0);
}

/* ---- texts ---- */

/* `head`, then `unit` over and over, then `tail`: TEXT_SIZE bytes in all, about. */
static GString *repeat(const char *head, const char *unit, const char *tail) {
  GString *text = g_string_sized_new(TEXT_SIZE + 64);
  g_string_append(text, head);
  while (text->len < TEXT_SIZE)
    g_string_append(text, unit);
  return g_string_append(text, tail);
}

static const struct {
  const char *head, *unit, *tail;
} texts[] = {
    {"[", "0,", "0]"},
    {"", "[", ""},
    {"[", "[],", "[]]"},
    {"[", "{},", "{}]"},
    {"{", "\"\":0,", "\"\":0}"},
    {"[\"", "\\u0000", "\"]"},
    {"[\"", "\\n", "\"]"},
    {"\"", "x", "\""},
    {"", " ", ""},
    {"[1", "0", "]"},
    {"{\"tcb_info\":\"", "[", "\"}"},
    {"[{\"imr\":3,\"event\":\"", "x", "\"}]"},
};

static void test_texts(gconstpointer data) {
  const Kind *kind = data;
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    GString *text = repeat(texts[i].head, texts[i].unit, texts[i].tail);
    assert_bounded(kind->read, text->str, text->len, TEXT_FIXED, texts[i].unit, i);
    g_string_free(text, TRUE);
  }
}

/* ---- sizes beyond every limit ---- */

static void test_beyond_limits(void) {
  gsize len = 2 * 1024 * 1024 + 1;
  g_autofree guint8 *quote = g_malloc0(len);
  quote[0] = 4;
  g_assert_cmpuint(peak_of(read_quote, quote, len), <, FIXED);
  gsize log_len = TDX_LOG_MAX_JSON + 1;
  g_autofree char *log = g_strnfill(log_len, '[');
  g_assert_cmpuint(peak_of(read_event_log, log, log_len), <, FIXED);
  gsize attestation_len = ATTESTATION_MAX_SIZE + 1;
  g_autofree guint8 *attestation = g_malloc0(attestation_len);
  g_assert_cmpuint(peak_of(read_attestation, attestation, attestation_len), <, FIXED);
}

/* The meter sees what it is there for. */
static void grow(GBytes *input) { g_free(g_malloc(g_bytes_get_size(input) * 1000)); }
static void test_meter(void) {
  g_assert_cmpuint(peak_of(grow, "12345678", 8), >=, 8000);
  g_assert_cmpuint(peak_of(grow, "12345678", 8), <, 9000);
}

static void set_up(SimulatedTee **tee) {
  *tee = simulated_tee_new(0x11);
  g_autofree char *text = simulated_pki_collateral((*tee)->pki, NOW, NULL), *pem = simulated_pki_root_pem((*tee)->pki);
  collateral = dcap_collateral_parse(text, strlen(text), NULL);
  root = cert_from_pem(pem, strlen(pem), NULL);
  g_assert_true(collateral && root);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  if (!heap_meter_works()) {
    g_print("1..0 # SKIP a sanitizer's heap is not counted\n");
    return 0;
  }
  g_autoptr(SimulatedTee) tee = NULL;
  set_up(&tee);
  g_test_add_func("/memory/meter", test_meter);
  for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
    g_autofree char *name = g_strconcat("/memory/claims/", kinds[i].corpus, NULL);
    g_test_add_data_func(name, &kinds[i], test_claims);
  }
  static const Kind json_collateral = {NULL, read_collateral}, json_log = {NULL, read_event_log};
  g_test_add_data_func("/memory/texts/collateral", &json_collateral, test_texts);
  g_test_add_data_func("/memory/texts/event-log", &json_log, test_texts);
  g_test_add_func("/memory/beyond-limits", test_beyond_limits);
  int result = g_test_run();
  dcap_collateral_unref(collateral);
  X509_free(root);
  return result;
}
