/* Tests of versioned attestations. Vectors: spec attestation I; fixtures of real and simulated hardware. */
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "dcap/pck.h"
#include "fixture.h"
#include "ratls/attestation.h"
#include "tdx/app_info.h"
#include "tdx/report_data.h"

#include <string.h>

#define VECTOR_HEAD                                                                                                    \
  "83a776657273696f6e01a8706c6174666f726d82a46b696e64a3746478a46461746182a571756f7465930102ccffa96576656e745f6c6f6791" \
  "85"                                                                                                                 \
  "a3696d7203aa6576656e745f74797065ce08000001a6646967657374c400a56576656e74a66170702d6964ad6576656e745f7061796c6f6164" \
  "c4"                                                                                                                 \
  "0142a5737461636b82a46b696e64a664737461636ba46461746183ab7265706f72745f64617461dc0040"
#define VECTOR_TAIL                                                                                                    \
  "ae72756e74696d655f6576656e74739182a56576656e74a66170702d6964a77061796c6f6164c40142a6636f6e666967a27b7d"
#define VECTOR_SHA256 "18c133267cf0f998820817302a70395bf02fb6ff01741c2d68bbdea14abeb762"

/* Fields of a map, in MessagePack hex. */
#define KIND_TDX "a46b696e64a3746478"
#define EVENT_APP_ID "a56576656e74a66170702d6964"

static GBytes *vector(void) {
  g_autoptr(GString) hex = g_string_new(VECTOR_HEAD);
  for (guint i = 0; i < 64; i++)
    g_string_append(hex, "00");
  g_string_append(hex, VECTOR_TAIL);
  return bytes_of_hex(hex->str);
}

static RatlsAttestation *decode(GBytes *encoded) {
  g_autoptr(GError) error = NULL;
  RatlsAttestation *attestation = ratls_attestation_decode(encoded, &error);
  g_assert_no_error(error);
  return attestation;
}

static void assert_same(GBytes *a, GBytes *b) {
  g_assert_cmpmem(g_bytes_get_data(a, NULL), g_bytes_get_size(a), g_bytes_get_data(b, NULL), g_bytes_get_size(b));
}

static void assert_refused(GBytes *encoded, DstackErrorCode code) {
  g_autoptr(GError) error = NULL;
  g_assert_null(ratls_attestation_decode(encoded, &error));
  g_assert_error(error, DSTACK_ERROR, (int)code);
}

static void test_v1_vector(void) {
  g_autoptr(GBytes) encoded = vector();
  guint8 digest[SHA256_SIZE];
  g_assert_cmpuint(g_bytes_get_size(encoded), ==, 273);
  digest_sha256(g_bytes_get_data(encoded, NULL), 273, digest);
  assert_hex(digest, sizeof digest, VECTOR_SHA256);

  g_autoptr(RatlsAttestation) attestation = decode(encoded);
  g_assert_cmpint(attestation->variant, ==, ATTESTATION_TDX);
  assert_hex(g_bytes_get_data(attestation->evidence, NULL), g_bytes_get_size(attestation->evidence), "0102ff");
  g_assert_cmpuint(attestation->events->len, ==, 1);
  g_assert_cmpuint(attestation->runtime_events->len, ==, 1);
  g_assert_cmpstr(attestation->config, ==, "{}");
  g_assert_null(attestation->report_data_payload);
  g_autoptr(GBytes) again = ratls_attestation_encode_v1(attestation);
  assert_same(again, encoded);

  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) log = ratls_attestation_event_log(attestation, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(log->len, ==, 1);
  const TdxEvent *event = g_ptr_array_index(log, 0);
  g_assert_cmpstr(event->name, ==, "app-id");
}

/* The form that is chosen when none is asked for. */
static void test_v0_of_vector(void) {
  g_autoptr(GBytes) encoded = vector();
  g_autoptr(RatlsAttestation) attestation = decode(encoded);
  g_autoptr(GBytes) v0 = ratls_attestation_encode(attestation);
  g_autofree char *hex = hex_encode_bytes(v0);
  const char *head = "0000"
                     "0c0102ff"
                     "04"
                     "0300000001000008"
                     "00"
                     "186170702d6964"
                     "0442"
                     "04"
                     "186170702d6964"
                     "0442";
  g_assert_true(g_str_has_prefix(hex, head));
  g_assert_true(g_str_has_suffix(hex, "00"
                                      "087b7d"));
  g_assert_cmpuint(strlen(hex), ==, strlen(head) + 2 * (64 + 3));
  g_autoptr(RatlsAttestation) again = decode(v0);
  g_autoptr(GBytes) v1 = ratls_attestation_encode_v1(again);
  assert_same(v1, encoded);
}

static GBytes *with_byte(GBytes *bytes, gsize at, guint8 value) {
  gsize len;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  guint8 *copy = g_memdup2(data, len);
  copy[at] = value;
  return g_bytes_new_take(copy, len);
}

static void refuse_every_cut(GBytes *encoded) {
  const gsize len = g_bytes_get_size(encoded);
  for (gsize cut = 0; cut < len; cut++) {
    g_autoptr(GBytes) part = g_bytes_new_from_bytes(encoded, 0, cut);
    assert_refused(part, DSTACK_ERROR_INVALID);
  }
  g_autoptr(GByteArray) longer = g_byte_array_new();
  g_byte_array_append(longer, g_bytes_get_data(encoded, NULL), (guint)len);
  g_byte_array_append(longer, (const guint8 *)"", 1);
  g_autoptr(GBytes) trailing = g_bytes_new(longer->data, longer->len);
  assert_refused(trailing, DSTACK_ERROR_INVALID);
}

static void test_cuts(void) {
  g_autoptr(GBytes) v1 = vector();
  refuse_every_cut(v1);
  g_autoptr(RatlsAttestation) attestation = decode(v1);
  g_autoptr(GBytes) v0 = ratls_attestation_encode(attestation);
  refuse_every_cut(v0);
}

/* The vector with one piece of its hex text exchanged. */
static GBytes *changed(const char *from, const char *to) {
  g_autoptr(GBytes) encoded = vector();
  g_autofree char *hex = hex_encode_bytes(encoded);
  const char *at = strstr(hex, from);
  g_assert_nonnull(at);
  g_autofree char *text = g_strdup_printf("%.*s%s%s", (int)(at - hex), hex, to, at + strlen(from));
  return bytes_of_hex(text);
}

static void test_v1_readers(void) {
  /* What means the same and must be read: bytes as bin, wider numbers, fields in another order, an unknown field. */
  const struct {
    const char *from, *to;
  } same[] = {
      {"930102ccff", "c4030102ff"},
      {"930102ccff", "dc000301cc02ccff"},
      {"a776657273696f6e01", "a776657273696f6ecf0000000000000001"},
      {"a66469676573"
       "74c400",
       "a66469676573"
       "7490"},
      {"82a56576656e74a66170702d6964a77061796c6f6164c40142", "82a77061796c6f6164c40142a56576656e74a66170702d6964"},
      {"83a776657273696f6e01", "84a178819192c0cb0000000000000000c3a776657273696f6e01"},
      {"85a3696d7203aa6576656e745f74797065ce08000001a6646967657374c400",
       "84a3696d7203aa6576656e745f74797065ce08000001"},
  };
  g_autoptr(GBytes) canonical = vector();
  for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
    g_autoptr(GBytes) encoded = changed(same[i].from, same[i].to);
    g_autoptr(RatlsAttestation) attestation = decode(encoded);
    g_autoptr(GBytes) again = ratls_attestation_encode_v1(attestation);
    assert_same(again, canonical);
  }
}

static void test_v1_refused(void) {
  const struct {
    const char *from, *to;
  } bad[] = {
      {"a776657273696f6e01", "a776657273696f6e02"},                       /* version */
      {"83a776657273696f6e01", "84a776657273696f6e01a776657273696f6e01"}, /* a field twice */
      {"a3746478", "a3746479"},                                           /* unknown platform */
      {"a664737461636b", "a664737461636c"},                               /* unknown stack */
      {"930102ccff", "930102cd0100"},                                     /* no byte */
      {"930102ccff", "9301020f"
                     "ff"}, /* text that is none */
      {"dc0040", "dc003f"}, /* report data of another size */
      {EVENT_APP_ID, "a56576656e74a661707000"
                     "6964"},                                       /* NUL in a name */
      {"a3696d7203", "a3696d72ff"},                                 /* negative number */
      {"9185", "dd7fffffff85"},                                     /* count beyond the input */
      {"c40142a5737461636b", "c6ffffffff42a5737461636b"},           /* length beyond the input */
      {"83a776657273696f6e01", "84a17881a178c1a776657273696f6e01"}, /* a byte that begins nothing */
      {"a6636f6e666967a27b7d", "a6636f6e666968a27b7d"},             /* config is missing */
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) encoded = changed(bad[i].from, bad[i].to);
    assert_refused(encoded, DSTACK_ERROR_INVALID);
  }
  g_autoptr(GBytes) gcp = changed(KIND_TDX, "a46b696e64a76763702d746478");
  assert_refused(gcp, DSTACK_ERROR_NOT_IMPLEMENTED);
}

/* Ten million nested arrays must cost neither stack nor time. */
static void test_depth(void) {
  GByteArray *deep = g_byte_array_new();
  g_byte_array_append(deep, (const guint8 *)"\x81\xa1x", 3);
  g_byte_array_set_size(deep, ATTESTATION_MAX_SIZE);
  memset(deep->data + 3, 0x91, ATTESTATION_MAX_SIZE - 3);
  g_autoptr(GBytes) encoded = g_byte_array_free_to_bytes(deep);
  assert_refused(encoded, DSTACK_ERROR_INVALID);
  g_autoptr(GBytes) huge = g_bytes_new_take(g_malloc0(ATTESTATION_MAX_SIZE + 1), ATTESTATION_MAX_SIZE + 1);
  assert_refused(huge, DSTACK_ERROR_TOO_LARGE);
}

static void test_v0_refused(void) {
  g_autoptr(GBytes) v1 = vector();
  g_autoptr(RatlsAttestation) attestation = decode(v1);
  g_autoptr(GBytes) v0 = ratls_attestation_encode(attestation);
  const struct {
    gsize at;
    guint8 value;
    DstackErrorCode code;
  } bad[] = {
      {0, 1, DSTACK_ERROR_INVALID},    {1, 1, DSTACK_ERROR_NOT_IMPLEMENTED}, {1, 9, DSTACK_ERROR_INVALID},
      {2, 0xfe, DSTACK_ERROR_INVALID}, {6, 0xfd, DSTACK_ERROR_INVALID},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) encoded = with_byte(v0, bad[i].at, bad[i].value);
    assert_refused(encoded, bad[i].code);
  }
}

static void add(TdxEventLog *log, const char *name, const char *payload, guint version) {
  TdxEvent *event = tdx_runtime_event(name, payload, strlen(payload), NULL);
  event->version = version;
  if (version == 2)
    tdx_runtime_digest_v2(name, payload, strlen(payload), event->digest);
  g_ptr_array_add(log, event);
}

static void add_boot(TdxEventLog *log, guint32 imr, guint32 type, const char *payload) {
  guint8 digest[48];
  g_autoptr(GBytes) bytes = g_bytes_new(payload, strlen(payload));
  digest_sha384(payload, strlen(payload), digest);
  g_ptr_array_add(log, tdx_event_new(imr, type, digest, "", bytes));
}

static TdxEventLog *sample_log(guint version) {
  TdxEventLog *log = tdx_event_log_new();
  add_boot(log, 0, 4, "firmware");
  add_boot(log, 0, 10, "ACPI DATA");
  add_boot(log, 0, 10, "ACPI DATA");
  add_boot(log, 0, 10, "ACPI DATA");
  add_boot(log, 1, 4, "kernel");
  add(log, "system-preparing", "", version);
  add(log, "app-id", "12345678901234567890", version);
  return log;
}

static void assert_replays_alike(TdxEventLog *a, TdxEventLog *b) {
  guint8 left[48], right[48];
  g_assert_true(tdx_replay(a, TDX_RUNTIME_RTMR, NULL, left, NULL) &&
                tdx_replay(b, TDX_RUNTIME_RTMR, NULL, right, NULL));
  g_assert_cmpmem(left, 48, right, 48);
}

static void check_strip(guint version) {
  g_autoptr(TdxEventLog) log = sample_log(version);
  g_autoptr(GBytes) quote = g_bytes_new_static("quote", 5);
  const guint8 report_data[64] = {1};
  g_autoptr(RatlsAttestation) made = ratls_attestation_new(quote, log, report_data, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) full = ratls_attestation_event_log(made, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(full->len, ==, log->len);
  ratls_attestation_strip(made);
  g_autoptr(GBytes) encoded = ratls_attestation_encode(made);
  g_assert_cmphex(*(const guint8 *)g_bytes_get_data(encoded, NULL), ==, version == 1 ? 0x00 : 0x83);
  g_autoptr(RatlsAttestation) read = decode(encoded);
  g_autoptr(GBytes) again = ratls_attestation_encode(read);
  assert_same(again, encoded);
  g_autoptr(TdxEventLog) stripped = ratls_attestation_event_log(read, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(stripped->len, ==, 5);
  const char *const names[] = {"acpi-loader", "acpi-rsdp", "acpi-tables", "system-preparing", "app-id"};
  for (guint i = 0; i < stripped->len; i++)
    g_assert_cmpstr(((TdxEvent *)g_ptr_array_index(stripped, i))->name, ==, names[i]);
  assert_replays_alike(stripped, log);
  const AttestationEvent *event = g_ptr_array_index(read->events, 4);
  g_assert_cmpuint(g_bytes_get_size(event->digest), ==, version == 1 ? 0 : 48);
  g_assert_true((event->preimage != NULL) == (version == 2));
}

static void test_strip(void) {
  check_strip(1);
  check_strip(2);
}

static void test_events_judged(void) {
  g_autoptr(TdxEventLog) log = sample_log(1);
  g_autoptr(GBytes) quote = g_bytes_new_static("quote", 5), wrong = g_bytes_new_take(g_malloc0(48), 48);
  const guint8 report_data[64] = {0};
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_new(quote, log, report_data, "{}");
  g_autoptr(GError) error = NULL;
  /* runtime events that differ from the log's */
  AttestationEvent *runtime = g_ptr_array_index(attestation->runtime_events, 1);
  g_bytes_unref(runtime->payload);
  runtime->payload = g_bytes_new("12345678901234567891", 20);
  g_assert_null(ratls_attestation_event_log(attestation, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_clear_error(&error);
  /* fewer of them */
  g_ptr_array_remove_index(attestation->runtime_events, 1);
  g_assert_null(ratls_attestation_event_log(attestation, NULL));
  /* none at all: the log speaks alone */
  g_ptr_array_set_size(attestation->runtime_events, 0);
  g_autoptr(TdxEventLog) alone = ratls_attestation_event_log(attestation, &error);
  g_assert_no_error(error);
  assert_replays_alike(alone, log);
  /* a digest that is not the event's */
  AttestationEvent *last = g_ptr_array_index(attestation->events, attestation->events->len - 1);
  g_bytes_unref(last->digest);
  last->digest = g_bytes_ref(wrong);
  g_assert_null(ratls_attestation_event_log(attestation, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
}

static void test_pod(void) {
  g_autoptr(TdxEventLog) log = sample_log(1);
  g_autoptr(GBytes) quote = g_bytes_new_static("quote", 5);
  guint8 report_data[64];
  g_assert_true(report_data_compose(REPORT_DATA_APP_DATA, "hello", 5, "", report_data, NULL));
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_new(quote, log, report_data, "{}");
  attestation->report_data_payload = g_strdup("hello");
  g_autoptr(GBytes) encoded = ratls_attestation_encode(attestation);
  g_assert_cmphex(*(const guint8 *)g_bytes_get_data(encoded, NULL), ==, 0x83);
  g_autoptr(RatlsAttestation) read = decode(encoded);
  g_assert_cmpstr(read->report_data_payload, ==, "hello");
  read->report_data[0] ^= 1;
  g_autoptr(GBytes) forged = ratls_attestation_encode(read);
  assert_refused(forged, DSTACK_ERROR_UNVERIFIED);
}

/* Decodes, writes the same bytes again, and gives the same in the other version. */
static RatlsAttestation *check_fixture(GBytes *encoded) {
  RatlsAttestation *attestation = decode(encoded);
  g_autoptr(GBytes) again = ratls_attestation_encode(attestation);
  assert_same(again, encoded);
  g_autoptr(GBytes) v1 = ratls_attestation_encode_v1(attestation);
  g_autoptr(RatlsAttestation) other = decode(v1);
  g_autoptr(GBytes) v0 = ratls_attestation_encode(other);
  assert_same(v0, encoded);
  return attestation;
}

static void check_replay(const RatlsAttestation *attestation, guint first_rtmr) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) raw = ratls_attestation_quote(attestation, &error);
  g_assert_no_error(error);
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(quote->td.report_data, 64, attestation->report_data, 64);
  g_autoptr(TdxEventLog) log = ratls_attestation_event_log(attestation, &error);
  g_assert_no_error(error);
  for (guint i = first_rtmr; i < TDX_N_RTMRS; i++) {
    guint8 replayed[48];
    g_assert_true(tdx_replay(log, i, NULL, replayed, &error));
    g_assert_cmpmem(replayed, 48, quote->td.rtmr[i], 48);
  }
}

static AppInfo *identities(const RatlsAttestation *attestation, AppInfoMode mode) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) raw = ratls_attestation_quote(attestation, &error);
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  g_autoptr(TdxEventLog) log = ratls_attestation_event_log(attestation, &error);
  g_assert_no_error(error);
  AppInfo *info = app_info_decode_stripped(quote, log, mode, &error);
  g_assert_no_error(error);
  return info;
}

/* The device id of newer peers, from the PCK certificate inside the quote. */
static void check_device_id(const RatlsAttestation *attestation, const char *ppid, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Quote) quote = quote_parse(attestation->evidence, &error);
  g_assert_no_error(error);
  g_autoptr(X509) leaf = cert_from_pem(quote->cert_data, quote->cert_len, &error);
  g_assert_no_error(error);
  DcapPck pck;
  g_assert_true(dcap_pck_from_cert(leaf, &pck, &error));
  g_autoptr(AppInfo) info = identities(attestation, APP_INFO_RUNTIME);
  if (ppid)
    assert_hex(pck.ppid, sizeof pck.ppid, ppid);
  app_info_set_device_of_ppid(info, pck.ppid);
  assert_hex(info->device_id, 32, expected);
}

static void test_simulator_fixture(void) {
  g_autoptr(GBytes) encoded = fixture_bytes("dstack/simulator-next.attestation.bin");
  if (!encoded)
    return;
  g_autoptr(RatlsAttestation) attestation = check_fixture(encoded);
  g_assert_cmpuint(g_bytes_get_size(attestation->evidence), ==, 5010);
  g_assert_cmpuint(attestation->events->len, ==, 33);
  g_assert_cmpuint(attestation->runtime_events->len, ==, 9);
  g_assert_true(g_str_has_prefix(attestation->config, "{\"kms_urls\""));
  check_replay(attestation, 0);
  check_device_id(attestation, "80d4a149124353c7a2bb76551603f31b",
                  "c07347d88ac7ef3d42d02ceb80a0e3ac66981cf7382f72d0692ec591ea58cf1f");
}

/* The member `attestation` of a JSON fixture. */
static GBytes *attestation_of(const char *name) {
  g_autoptr(GBytes) text = fixture_bytes(name);
  if (!text)
    return NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) object = json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), name, &error);
  g_assert_no_error(error);
  return json_get_hex(object, "attestation", name, &error);
}

static void test_lite_fixture(void) {
  g_autoptr(GBytes) encoded = attestation_of("dstack/tdx-lite-attestation.json");
  if (!encoded)
    return;
  g_autoptr(RatlsAttestation) attestation = check_fixture(encoded);
  g_assert_cmpuint(attestation->events->len, ==, 12);
  g_assert_cmpstr(((AttestationEvent *)g_ptr_array_index(attestation->events, 0))->name, ==, "acpi-loader");
  check_replay(attestation, TDX_RUNTIME_RTMR);
  check_device_id(attestation, NULL, "318a579a74326db98e209c5ffd7fd1e51a73bb1979c6408298a827a90ed268d0");
  g_autoptr(AppInfo) info = identities(attestation, APP_INFO_RUNTIME);
  g_autoptr(AppInfo) boot = identities(attestation, APP_INFO_BOOT_TIME);
  assert_hex(info->mr_system, 32, "118f754a080ecb8527df65656ee4e7e97b891cf488ad6a38886ff0dbca0c8f70");
  assert_hex(info->mr_aggregated, 32, "c758fa624b62536ca77504c4c52745e70880220a178a615a859c52f8b101d2ee");
  assert_hex(boot->mr_system, 32, "37a91fd6aac229d83a1850be9bf017455d1cf4815e8fcb77332119de7e1a52f7");
  assert_hex(boot->mr_aggregated, 32, "f4e6117e0fdea4b23b5f32a2a59e7b7b99b64df237a9536fb2cb5ca2a270145e");
  /* it is stripped already */
  ratls_attestation_strip(attestation);
  g_autoptr(GBytes) again = ratls_attestation_encode(attestation);
  assert_same(again, encoded);
}

static void check_other_tee(GBytes *encoded, AttestationVariant variant, const char *message) {
  if (!encoded)
    return;
  g_autoptr(RatlsAttestation) attestation = check_fixture(encoded);
  g_assert_cmpint(attestation->variant, ==, variant);
  g_autoptr(GError) error = NULL;
  g_assert_null(ratls_attestation_quote(attestation, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED);
  g_assert_cmpstr(error->message, ==, message);
  g_assert_null(ratls_attestation_event_log(attestation, NULL));
}

static void test_other_tees(void) {
  g_autoptr(GBytes) snp = fixture_bytes("sev-snp/sev_snp_attestation.bin");
  g_autoptr(GBytes) snp_with_chain = attestation_of("sev-snp/sev-snp-attestation.json");
  g_autoptr(GBytes) nitro = fixture_bytes("nitro/nitro_attestation.bin");
  check_other_tee(snp, ATTESTATION_SEV_SNP, "unsupported tee variant: dstack-amd-sev-snp");
  check_other_tee(snp_with_chain, ATTESTATION_SEV_SNP, "unsupported tee variant: dstack-amd-sev-snp");
  check_other_tee(nitro, ATTESTATION_NITRO_ENCLAVE, "unsupported tee variant: dstack-nitro-enclave");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ratls/attestation/v1-vector", test_v1_vector);
  g_test_add_func("/ratls/attestation/v0", test_v0_of_vector);
  g_test_add_func("/ratls/attestation/cuts", test_cuts);
  g_test_add_func("/ratls/attestation/v1-readers", test_v1_readers);
  g_test_add_func("/ratls/attestation/v1-refused", test_v1_refused);
  g_test_add_func("/ratls/attestation/v0-refused", test_v0_refused);
  g_test_add_func("/ratls/attestation/depth", test_depth);
  g_test_add_func("/ratls/attestation/strip", test_strip);
  g_test_add_func("/ratls/attestation/events-judged", test_events_judged);
  g_test_add_func("/ratls/attestation/pod", test_pod);
  g_test_add_func("/ratls/attestation/simulator-fixture", test_simulator_fixture);
  g_test_add_func("/ratls/attestation/lite-fixture", test_lite_fixture);
  g_test_add_func("/ratls/attestation/other-tees", test_other_tees);
  return g_test_run();
}
