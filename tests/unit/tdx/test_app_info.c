/* Identities: real CVMs with known values, and logs that a broken or lying guest could hand out. */
#include "base/error.h"
#include "base/json.h"
#include "fixture.h"
#include "tdx/app_info.h"

#include <string.h>

typedef struct {
  Quote *quote;
  TdxEventLog *log;
} Evidence;

static gboolean load_report(const char *name, Evidence *out) {
  g_autoptr(GBytes) text = fixture_bytes(name);
  if (!text)
    return FALSE;
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) report = json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), name, &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) raw = json_get_hex(report, "quote", name, &error);
  g_assert_no_error(error);
  out->quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  const char *log = json_string_value(json_object_get(report, "event_log"));
  out->log = tdx_event_log_parse(log, strlen(log), &error);
  g_assert_no_error(error);
  return TRUE;
}

static gboolean load_simulator(Evidence *out) {
  g_autoptr(GBytes) raw = fixture_bytes("dstack/simulator-v055.quote.hex");
  g_autoptr(GBytes) text = fixture_bytes("dstack/simulator-v055.eventlog.json");
  if (!raw || !text)
    return FALSE;
  g_autoptr(GError) error = NULL;
  out->quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  out->log = tdx_event_log_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), &error);
  g_assert_no_error(error);
  return TRUE;
}

static void evidence_clear(Evidence *evidence) {
  quote_free(evidence->quote);
  g_clear_pointer(&evidence->log, g_ptr_array_unref);
}

typedef struct {
  const char *app_id, *instance_id, *device_id, *mr_system, *mr_aggregated, *boot_mr_system, *boot_mr_aggregated;
} Expected;

static void assert_bytes(GBytes *bytes, const char *hex) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  assert_hex(data, len, hex);
}

static void check(Evidence *evidence, const Expected *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AppInfo) info = app_info_decode(evidence->quote, evidence->log, APP_INFO_RUNTIME, &error);
  g_assert_no_error(error);
  assert_bytes(info->app_id, expected->app_id);
  assert_bytes(info->instance_id, expected->instance_id);
  g_assert_cmpuint(g_bytes_get_size(info->compose_hash), ==, 32);
  if (expected->device_id)
    assert_hex(info->device_id, 32, expected->device_id);
  assert_hex(info->mr_system, 32, expected->mr_system);
  assert_hex(info->mr_aggregated, 32, expected->mr_aggregated);
  g_assert_cmpuint(g_bytes_get_size(info->key_provider_info), >, 0);
  g_autoptr(AppInfo) boot = app_info_decode(evidence->quote, evidence->log, APP_INFO_BOOT_TIME, &error);
  g_assert_no_error(error);
  assert_hex(boot->mr_system, 32, expected->boot_mr_system);
  assert_hex(boot->mr_aggregated, 32, expected->boot_mr_aggregated);
  g_assert_cmpuint(g_bytes_get_size(boot->key_provider_info), ==, 0);
}

static void test_quote_report(void) {
  Evidence evidence = {0};
  if (!load_report("dstack/quote-report.json", &evidence))
    return;
  check(&evidence, &(Expected){
                       .app_id = "3763bc34552cf3a27ff71ad5f7a90471562a1a2d",
                       .instance_id = "c3714eb66990eace777b4e664c16e09375dec4c9",
                       .device_id = "38dfd642ee0326e5ddd826dd69eea6d516a2431106fe45c0db3f651bb61509d5",
                       .mr_system = "e1ae776a1492d4f87937b7e563d265c16300be4aba5d748207587023bb7dbb75",
                       .mr_aggregated = "233c659f83048505bb1ef7f105245aa80f5d04e3d096c329da272d7ee13fbf38",
                       .boot_mr_system = "3d124836c59609fdfdb93185f7d251268d7da9b3f95e9a43cee5c4edc10a5b5f",
                       .boot_mr_aggregated = "f9a9159f75a175a0a65052b78f764a312456db56f5c397c600d08445ab68937b",
                   });
  evidence_clear(&evidence);
}

static void test_simulator(void) {
  Evidence evidence = {0};
  if (!load_simulator(&evidence))
    return;
  check(&evidence, &(Expected){
                       .app_id = "ea549f02e1a25fabd1cb788380e033ec5461b2ff",
                       .instance_id = "59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a",
                       .device_id = "da2d377e04b7133ec1287a18d465fa44ae9dbb08d929166c6bdb414f38a2acd3",
                       .mr_system = "db69de4e8cd3cfb7431c31b9b3c0919cd4e688e629c15d9e745881f20caf25c8",
                       .mr_aggregated = "286261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64",
                       .boot_mr_system = "6930d5fcad72e580012d8e67b676bcd70a5c9e2aa60f4ca207fb7c4656743e79",
                       .boot_mr_aggregated = "9e0a88d0aca3c3ff08e37556e88afbf5c5875725081cc3dd4db9d0e7dd1c17d6",
                   });
  evidence_clear(&evidence);
}

static void test_newer_peer(void) {
  Evidence evidence = {0};
  if (!load_report("dstack/tdx-lite-getquote.json", &evidence))
    return;
  check(&evidence, &(Expected){
                       .app_id = "86b0e55f2fa8e4fb69d890f14f54d5612707646e",
                       .instance_id = "050bf89570575fe8fab4cb8f0a62a9e64efe8ead",
                       .mr_system = "118f754a080ecb8527df65656ee4e7e97b891cf488ad6a38886ff0dbca0c8f70",
                       .mr_aggregated = "c758fa624b62536ca77504c4c52745e70880220a178a615a859c52f8b101d2ee",
                       .boot_mr_system = "37a91fd6aac229d83a1850be9bf017455d1cf4815e8fcb77332119de7e1a52f7",
                       .boot_mr_aggregated = "f4e6117e0fdea4b23b5f32a2a59e7b7b99b64df237a9536fb2cb5ca2a270145e",
                   });
  evidence_clear(&evidence);
}

/* A log of runtime events, "name=payload length" each, and the quote it replays to. */
static void invent(Evidence *out, const char *const *events) {
  out->log = tdx_event_log_new();
  for (; *events; events++) {
    g_auto(GStrv) parts = g_strsplit(*events, "=", 2);
    gsize len = (gsize)g_ascii_strtoull(parts[1], NULL, 10);
    g_autofree guint8 *payload = g_malloc0(len + 1);
    g_autoptr(GBytes) bytes = g_bytes_new(payload, len);
    guint8 digest[48];
    tdx_runtime_digest_v1(parts[0], payload, len, digest);
    g_ptr_array_add(out->log, tdx_event_new(TDX_RUNTIME_RTMR, TDX_RUNTIME_EVENT_TYPE, digest, parts[0], bytes));
  }
  out->quote = g_new0(Quote, 1);
  out->quote->raw = g_bytes_new(NULL, 0);
  out->quote->tee_type = TEE_TDX;
  g_assert_true(tdx_replay(out->log, TDX_RUNTIME_RTMR, NULL, out->quote->td.rtmr[3], NULL));
}

static void expect(const char *const *events, AppInfoMode mode, int code) {
  Evidence evidence = {0};
  invent(&evidence, events);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppInfo) info = app_info_decode(evidence.quote, evidence.log, mode, &error);
  if (code < 0)
    g_assert_no_error(error);
  else
    g_assert_error(error, DSTACK_ERROR, code);
  evidence_clear(&evidence);
}

#define EVENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_rules(void) {
  const int ok = -1, invalid = DSTACK_ERROR_INVALID;
  expect(EVENTS("compose-hash=32"), APP_INFO_RUNTIME, ok);
  expect(EVENTS("compose-hash=32"), APP_INFO_BOOT_TIME, invalid);
  expect(EVENTS("compose-hash=32", "boot-mr-done=0"), APP_INFO_BOOT_TIME, ok);
  expect(EVENTS("app-id=20", "instance-id=0", "compose-hash=32", "os-image-hash=0"), APP_INFO_RUNTIME, ok);
  expect(EVENTS("app-id=20"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=31"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=0"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "app-id=19"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "instance-id=21"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "system-ready=1"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "compose-hash=32"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "key-provider=1", "key-provider=1"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "mr-kms=32", "mr-kms=32"), APP_INFO_RUNTIME, ok);
  /* After system-ready the application speaks: it can neither add facts nor break the system's. */
  expect(EVENTS("compose-hash=32", "system-ready=0", "compose-hash=7", "app-id=1"), APP_INFO_RUNTIME, ok);
  expect(EVENTS("system-ready=0", "compose-hash=32"), APP_INFO_RUNTIME, invalid);
  expect(EVENTS("compose-hash=32", "system-ready=0", "boot-mr-done=0"), APP_INFO_BOOT_TIME, invalid);
}

/* "app-id:x" with payload "y" has the digest of "app-id" with "x:y": the system's events have no colon in their names.
 */
static void test_names(void) {
  static const char *const names[] = {"app-id:x=4", "a b=1", "=1", "\xc3\xa4=1"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    Evidence evidence = {0};
    invent(&evidence, EVENTS("compose-hash=32", names[i], "system-ready=0"));
    g_autoptr(GError) error = NULL;
    g_assert_null(app_info_decode(evidence.quote, evidence.log, APP_INFO_RUNTIME, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, "system event with a name that is not allowed");
    evidence_clear(&evidence);
    expect(EVENTS("compose-hash=32", "system-ready=0", names[i]), APP_INFO_RUNTIME, -1); /* an application's own */
  }
}

static void test_mismatch(void) {
  for (guint i = 0; i < TDX_N_RTMRS; i++) {
    Evidence evidence = {0};
    invent(&evidence, EVENTS("compose-hash=32"));
    evidence.quote->td.rtmr[i][0] ^= 1;
    g_autoptr(GError) error = NULL;
    g_assert_null(app_info_decode(evidence.quote, evidence.log, APP_INFO_RUNTIME, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
    g_autofree char *text = g_strdup_printf("rtmr mismatch: RTMR%u", i);
    g_assert_cmpstr(error->message, ==, text);
    evidence_clear(&evidence);
  }
}

/* The older form: of what the quoting enclave's host put into the quote's header. */
static void test_device_id(void) {
  g_autoptr(GBytes) raw = fixture_bytes("dcap/tdx_v4_mrconfigid.quote.hex");
  if (!raw)
    return;
  g_autoptr(Quote) real = quote_parse(raw, NULL);
  Evidence evidence = {0};
  invent(&evidence, EVENTS("compose-hash=32"));
  memcpy(evidence.quote->user_data, real->user_data, sizeof real->user_data);
  g_autoptr(AppInfo) info = app_info_decode(evidence.quote, evidence.log, APP_INFO_RUNTIME, NULL);
  assert_hex(info->device_id, 32, "e5a0c70bb6503de2d31c11d85914fe3776ed5b33a078ed856327c371a60fe0fd");
  evidence_clear(&evidence);
}

static void test_sgx(void) {
  Evidence evidence = {0};
  invent(&evidence, EVENTS("compose-hash=32"));
  evidence.quote->tee_type = TEE_SGX;
  g_assert_null(app_info_decode(evidence.quote, evidence.log, APP_INFO_RUNTIME, NULL));
  evidence_clear(&evidence);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/app-info/quote-report", test_quote_report);
  g_test_add_func("/tdx/app-info/simulator", test_simulator);
  g_test_add_func("/tdx/app-info/newer-peer", test_newer_peer);
  g_test_add_func("/tdx/app-info/rules", test_rules);
  g_test_add_func("/tdx/app-info/names", test_names);
  g_test_add_func("/tdx/app-info/mismatch", test_mismatch);
  g_test_add_func("/tdx/app-info/device-id", test_device_id);
  g_test_add_func("/tdx/app-info/sgx", test_sgx);
  return g_test_run();
}
