/* Event logs: digests, JSON, the binary table, replay, and logs that lie. */
#include "base/error.h"
#include "crypto/digest.h"
#include "fixture.h"
#include "tdx/event_log.h"

#include <string.h>

static void add_runtime(TdxEventLog *log, const char *name, const void *payload, gsize len) {
  g_autoptr(GError) error = NULL;
  TdxEvent *event = tdx_runtime_event(name, payload, len, &error);
  g_assert_no_error(error);
  g_ptr_array_add(log, event);
}

static void test_digest_vectors(void) {
  guint8 out[48];
  tdx_runtime_digest_v1("system-preparing", "", 0, out);
  assert_hex(out, 48,
             "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624");
  tdx_runtime_digest_v1("app-id", "\xde\xad\xbe\xef", 4, out);
  assert_hex(out, 48,
             "67b4be4efed0893cfa2bb1d35dca209ad8348b4c97f980807bcde8b9a0f26398dd0923d6eccb5aa2096d98046da8740f");
  tdx_runtime_digest_v2("compose-hash", "\xab\xcd", 2, out);
  assert_hex(out, 48,
             "9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842a050ad7b");
}

/* The boot of the reference's simulator, up to the value that its RTMR3 then has. */
static const struct {
  const char *name, *payload, *digest;
} boot[] = {
    {"system-preparing", "",
     "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624"},
    {"app-id", "ea549f02e1a25fabd1cb788380e033ec5461b2ff",
     "b01c7a2e6a406ae9cd5aa81451e4614e112b8f404df12e6ef506962c1a5279a94dc58da0923c4b7db89e26da9e538302"},
    {"compose-hash", "ea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b",
     "9c1fecc259af1e8494484a391bdef460cb74d677c76dd114b1e9e7fac343da4e773b2b0eb8df7a6fc0dd8ba5edbb30e1"},
    {"instance-id", "59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a",
     "a8dc2d07060d74dfba7b4942411bcf93ae198da42d172860f0c6dcb9207198a2c857a4b0e57bb019d68be072074a2d01"},
    {"boot-mr-done", "",
     "98bd7e6bd3952720b65027fd494834045d06b4a714bf737a06b874638b3ea00ff402f7f583e3e3b05e921c8570433ac6"},
    {"key-provider",
     "7b226e616d65223a226b6d73222c226964223a223330353933303133303630373261383634386365336430323031303630383261383634386"
     "36533643033303130373033343230303034313962323435376464396238616136343436643938306631333666666637383132656364366337"
     "37373430656562306532386231306435366330633030303238613562366535396463656133303764353833626431663730373639653963313"
     "13664663262636662313735386139356438363133653764653163383438326330227d",
     "cc0ae424f1335f3059359f712f72f0aebee7a01fba2e4d527f3ea9299bac808a3ea1f8ae2982875fb3c9697fd6f4a5f2"},
    {"system-ready", "",
     "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd"},
};

static void test_boot_vectors(void) {
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  for (gsize i = 0; i < G_N_ELEMENTS(boot); i++) {
    g_autoptr(GBytes) payload = bytes_of_hex(boot[i].payload);
    add_runtime(log, boot[i].name, g_bytes_get_data(payload, NULL), g_bytes_get_size(payload));
    assert_hex(((TdxEvent *)log->pdata[i])->digest, 48, boot[i].digest);
  }
  guint8 rtmr3[48];
  g_assert_true(tdx_replay(log, 3, NULL, rtmr3, NULL));
  assert_hex(rtmr3, 48,
             "6d1a3da994b6611ee602f25f07b41671ece90cd2898689f1ad4448fdf1155e3668736cca4499659caae2d8044070de57");
}

static TdxEventLog *vector_log(void) {
  guint8 app[20], compose[32], instance[20];
  memset(app, 0x11, 20);
  memset(compose, 0x22, 32);
  memset(instance, 0x33, 20);
  TdxEventLog *log = tdx_event_log_new();
  add_runtime(log, "system-preparing", "", 0);
  add_runtime(log, "app-id", app, 20);
  add_runtime(log, "compose-hash", compose, 32);
  add_runtime(log, "instance-id", instance, 20);
  add_runtime(log, "boot-mr-done", "", 0);
  add_runtime(log, "key-provider", "{\"name\":\"none\",\"id\":\"\"}", 23);
  add_runtime(log, "storage-fs", "ext4", 4);
  add_runtime(log, "system-ready", "", 0);
  return log;
}

static void test_replay_vectors(void) {
  g_autoptr(TdxEventLog) log = vector_log();
  guint8 out[48];
  g_assert_true(tdx_replay(log, 3, "boot-mr-done", out, NULL));
  assert_hex(out, 48,
             "51e6737cc37085e270f04c1719caf0bb97a2d7e4396f570793ce9d61da7672cfeb07f01e154cb615295785002e931c47");
  g_assert_true(tdx_replay(log, 3, NULL, out, NULL));
  assert_hex(out, 48,
             "296998af2d9339c537e7d10f98e0cfdecddfeb7e71dfa5bdc881fce5d1f9ea269b140e7bfaf07228d563c358292947a5");
  g_autoptr(GError) error = NULL;
  g_assert_false(tdx_replay(log, 3, "never", out, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(tdx_replay(log, 0, "never", out, NULL)); /* boot registers are always replayed in full */
  assert_hex(out, 48,
             "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000");
}

static void test_find(void) {
  g_autoptr(TdxEventLog) log = vector_log();
  add_runtime(log, "os-image-hash", "late", 4);
  const TdxEvent *event = tdx_event_log_find(log, "storage-fs");
  g_assert_cmpmem(g_bytes_get_data(event->payload, NULL), 4, "ext4", 4);
  g_assert_nonnull(tdx_event_log_find(log, "system-ready"));
  g_assert_null(tdx_event_log_find(log, "os-image-hash")); /* after system-ready only the application speaks */
}

static void test_json_round_trip(void) {
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  add_runtime(log, "system-preparing", "", 0);
  g_autofree char *text = tdx_event_log_print(log);
  g_assert_cmpstr(
      text, ==,
      "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e715"
      "7c362c06536f5ddacdad4451693f48fcc72fff624\",\"event\":\"system-preparing\",\"event_payload\":\"\"}]");
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) again = tdx_event_log_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  g_autofree char *text_again = tdx_event_log_print(again);
  g_assert_cmpstr(text, ==, text_again);
}

static void test_digest_derived(void) {
  const char *logs[] = {
      "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"app-id\",\"event_payload\":\"DEADbeef\"}]",
      "[{\"imr\":3,\"event_type\":134217729,\"event\":\"app-id\",\"event_payload\":\"deadbeef\",\"other\":[1]}]",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(logs); i++) {
    g_autoptr(TdxEventLog) log = tdx_event_log_parse(logs[i], strlen(logs[i]), NULL);
    g_assert_nonnull(log);
    const TdxEvent *event = g_ptr_array_index(log, 0);
    assert_hex(event->digest, 48,
               "67b4be4efed0893cfa2bb1d35dca209ad8348b4c97f980807bcde8b9a0f26398dd0923d6eccb5aa2096d98046da8740f");
  }
}

static void test_version_2(void) {
  const char *text =
      "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"compose-hash\",\"event_payload\":\"abcd\","
      "\"version\":2,\"preimage\":\"7b226e616d65223a22636f6d706f73652d68617368222c227061796c6f6164223a2261626364"
      "222c2274797065223a3133343231373732397d\"}]";
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(text, strlen(text), &error);
  g_assert_no_error(error);
  g_autofree char *printed = tdx_event_log_print(log);
  g_assert_cmpstr(
      printed, ==,
      "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffa"
      "f3081f1bb10311d56de189491feb33842a050ad7b\",\"event\":\"compose-hash\",\"event_payload\":\"abcd\",\"version\":2,"
      "\"preimage\":\""
      "7b226e616d65223a22636f6d706f73652d68617368222c227061796c6f6164223a2261626364222c2274797065223a3133343231"
      "373732397d\"}]");
  g_autofree char *tampered = g_strdup(text);
  strstr(tampered, "7b226e")[0] = '6';
  g_assert_null(tdx_event_log_parse(tampered, strlen(tampered), &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
}

static void test_canonical_escapes(void) {
  guint8 by_rule[48], by_hand[48];
  tdx_runtime_digest_v2("a\"\\\n\x1f\xc3\xa9", "", 0, by_rule);

  const char *canonical = "{\"name\":\"a\\\"\\\\\\n\\u001f\xc3\xa9\",\"payload\":\"\",\"type\":134217729}";
  digest_sha384(canonical, strlen(canonical), by_hand);
  g_assert_cmpmem(by_rule, 48, by_hand, 48);
}

#define ZERO48 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

static void test_refused_json(void) {
  const struct {
    const char *text;
    int code;
  } bad[] = {
      {"", DSTACK_ERROR_INVALID},
      {"{}", DSTACK_ERROR_INVALID},
      {"[1]", DSTACK_ERROR_INVALID},
      {"[] x", DSTACK_ERROR_INVALID},
      {"[{\"imr\":4,\"event_type\":1,\"digest\":\"" ZERO48 "\",\"event\":\"\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":-1,\"event_type\":1,\"digest\":\"" ZERO48 "\",\"event\":\"\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":4294967296,\"digest\":\"" ZERO48 "\",\"event\":\"\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":1,\"digest\":\"\",\"event\":\"\",\"event_payload\":\"\"}]", DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":1,\"digest\":\"00\",\"event\":\"\",\"event_payload\":\"\"}]", DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":1,\"digest\":\"" ZERO48 "\",\"event_payload\":\"\"}]", DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":1,\"digest\":\"" ZERO48 "\",\"event\":\"\"}]", DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":1,\"digest\":\"" ZERO48 "\",\"event\":\"\",\"event_payload\":\"0\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":0,\"event_type\":134217729,\"digest\":\"\",\"event\":\"a\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":3,\"event_type\":1,\"digest\":\"" ZERO48 "\",\"event\":\"a\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"" ZERO48 "\",\"event\":\"a\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_UNVERIFIED},
      {"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"00\",\"event\":\"a\",\"event_payload\":\"\"}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":3,\"event_type\":134217729,\"event\":\"a\",\"event_payload\":\"\",\"version\":3}]",
       DSTACK_ERROR_INVALID},
      {"[{\"imr\":3,\"event_type\":134217729,\"event\":\"a\",\"event_payload\":\"\",\"version\":0}]",
       DSTACK_ERROR_INVALID},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_test_message("%s", bad[i].text);
    g_assert_null(tdx_event_log_parse(bad[i].text, strlen(bad[i].text), &error));
    g_assert_error(error, DSTACK_ERROR, bad[i].code);
  }
}

static void test_limits(void) {
  g_autoptr(GString) many = g_string_new("[");
  for (int i = 0; i <= TDX_LOG_MAX_EVENTS; i++)
    g_string_append_printf(many, "%s{\"imr\":3,\"event_type\":134217729,\"event\":\"a\",\"event_payload\":\"\"}",
                           i ? "," : "");
  g_string_append_c(many, ']');
  g_assert_null(tdx_event_log_parse(many->str, many->len, NULL));
  g_autoptr(GError) error = NULL;
  g_assert_null(tdx_runtime_event("a:b", "", 0, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_null(tdx_runtime_event("", "", 0, NULL));
  g_autofree char *long_name = g_strnfill(TDX_EVENT_NAME_MAX + 1, 'a');
  g_assert_null(tdx_runtime_event(long_name, "", 0, NULL));
  g_autofree char *payload = g_malloc0(TDX_EVENT_PAYLOAD_MAX + 1);
  g_assert_null(tdx_runtime_event("a", payload, TDX_EVENT_PAYLOAD_MAX + 1, NULL));
}

static void test_ccel_real(void) {
  g_autoptr(GBytes) table = fixture_bytes("eventlog/ccel.bin");
  g_autoptr(GBytes) expected = fixture_bytes("eventlog/ccel.expected.json");
  if (!table || !expected)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) log = tdx_ccel_parse(g_bytes_get_data(table, NULL), g_bytes_get_size(table), &error);
  g_assert_no_error(error);
  g_autoptr(TdxEventLog) same =
      tdx_event_log_parse(g_bytes_get_data(expected, NULL), g_bytes_get_size(expected), &error);
  g_assert_no_error(error);
  g_autofree char *text = tdx_event_log_print(log), *same_text = tdx_event_log_print(same);
  g_assert_cmpstr(text, ==, same_text);
  g_assert_cmpuint(log->len, ==, 18);
  guint8 mr[48];
  g_assert_true(tdx_replay(log, 0, NULL, mr, NULL));
  assert_hex(mr, 48,
             "274c2344116db7c663470693b5ba62b8621eac28cb41d2f816ddf188f9f423f900a1c44d32386fd3c993dc814e62af9d");
  g_assert_true(tdx_replay(log, 1, NULL, mr, NULL));
  assert_hex(mr, 48,
             "bdcf4ee0f7fdfe7c73fbb19ded73193aee23a6726b86d3b282ea097cf4c9ed7a0db21b5c1ccd513e410d90e310836b26");
  /* Built again from the parsed events it is the same table, byte for byte. */
  g_autoptr(GBytes) built = tdx_ccel_build(log, g_bytes_get_size(table), &error);
  g_assert_no_error(error);
  g_assert_true(memcmp(g_bytes_get_data(built, NULL), g_bytes_get_data(table, NULL), 1937) == 0);
}

static TdxEventLog *boot_log(void) {
  TdxEventLog *log = tdx_event_log_new();
  const guint8 digest[48] = {1, 2, 3};
  g_autoptr(GBytes) payload = g_bytes_new("data", 4);
  for (guint imr = 0; imr < 3; imr++)
    g_ptr_array_add(log, tdx_event_new(imr, 4, digest, "", payload));
  return log;
}

static void test_ccel_built(void) {
  g_autoptr(TdxEventLog) log = boot_log();
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) table = tdx_ccel_build(log, 1024, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(table), ==, 1024);
  g_autoptr(TdxEventLog) again = tdx_ccel_parse(g_bytes_get_data(table, NULL), 1024, &error);
  g_assert_no_error(error);
  g_autofree char *text = tdx_event_log_print(log), *text_again = tdx_event_log_print(again);
  g_assert_cmpstr(text, ==, text_again);
  g_assert_null(tdx_ccel_build(log, 200, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
}

#define FIRST_EVENT (32 + 33)
#define EVENT_SIZE (4 + 4 + 4 + 2 + 48 + 4 + 4)

/* Sets one byte of a good table and says how many events are read then; -1 for a refusal. */
static int events_with_byte(gsize at, guint8 value) {
  g_autoptr(TdxEventLog) log = boot_log();
  g_autoptr(GBytes) table = tdx_ccel_build(log, 512, NULL);
  g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(table, NULL), 512);
  copy[at] = value;
  g_autoptr(TdxEventLog) again = tdx_ccel_parse(copy, 512, NULL);
  return again ? (int)again->len : -1;
}

static void test_ccel_hostile(void) {
  g_assert_cmpint(events_with_byte(FIRST_EVENT, 0), ==, 2);      /* MRTD lane */
  g_assert_cmpint(events_with_byte(FIRST_EVENT + 4, 3), ==, 2);  /* EV_NO_ACTION */
  g_assert_cmpint(events_with_byte(FIRST_EVENT, 5), ==, -1);     /* no such register */
  g_assert_cmpint(events_with_byte(FIRST_EVENT, 4), ==, -1);     /* a boot event on RTMR3 */
  g_assert_cmpint(events_with_byte(FIRST_EVENT + 8, 2), ==, -1); /* two digests */
  g_assert_cmpint(events_with_byte(FIRST_EVENT + 8, 0), ==, -1);
  g_assert_cmpint(events_with_byte(FIRST_EVENT + 12, 0x0b), ==, -1); /* an algorithm that the header does not name */
  g_assert_cmpint(events_with_byte(FIRST_EVENT + 65, 0x7f), ==, -1); /* payload longer than the table */
  g_assert_cmpint(events_with_byte(4, 1), ==, -1);
  g_assert_cmpint(events_with_byte(32, 'X'), ==, -1);
  g_assert_cmpint(events_with_byte(28, 34), ==, -1);
  g_assert_cmpint(events_with_byte(32 + 26, 47), ==, -1); /* the header's size of a SHA-384 digest */
}

static void test_ccel_truncated(void) {
  g_autoptr(TdxEventLog) log = boot_log();
  g_autoptr(GBytes) table = tdx_ccel_build(log, 512, NULL);
  for (gsize len = 0; len <= FIRST_EVENT + 3 * EVENT_SIZE; len++) {
    g_autoptr(TdxEventLog) part = tdx_ccel_parse(g_bytes_get_data(table, NULL), len, NULL);
    gboolean at_boundary = len >= FIRST_EVENT && (len - FIRST_EVENT) % EVENT_SIZE == 0;
    g_assert_true(at_boundary == (part != NULL));
  }
}

static void test_real_logs(void) {
  g_autoptr(GBytes) text = fixture_bytes("dstack/simulator-v055.eventlog.json");
  if (!text)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), &error);
  g_assert_no_error(error);
  g_autofree char *printed = tdx_event_log_print(log);
  g_autofree char *original = g_strndup(g_bytes_get_data(text, NULL), g_bytes_get_size(text));
  g_assert_cmpstr(printed, ==, g_strchomp(original)); /* same keys, same order, same style */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/event-log/digest-vectors", test_digest_vectors);
  g_test_add_func("/tdx/event-log/boot-vectors", test_boot_vectors);
  g_test_add_func("/tdx/event-log/replay-vectors", test_replay_vectors);
  g_test_add_func("/tdx/event-log/find", test_find);
  g_test_add_func("/tdx/event-log/json-round-trip", test_json_round_trip);
  g_test_add_func("/tdx/event-log/digest-derived", test_digest_derived);
  g_test_add_func("/tdx/event-log/version-2", test_version_2);
  g_test_add_func("/tdx/event-log/canonical-escapes", test_canonical_escapes);
  g_test_add_func("/tdx/event-log/refused-json", test_refused_json);
  g_test_add_func("/tdx/event-log/limits", test_limits);
  g_test_add_func("/tdx/event-log/real", test_real_logs);
  g_test_add_func("/tdx/ccel/real", test_ccel_real);
  g_test_add_func("/tdx/ccel/built", test_ccel_built);
  g_test_add_func("/tdx/ccel/hostile", test_ccel_hostile);
  g_test_add_func("/tdx/ccel/truncated", test_ccel_truncated);
  return g_test_run();
}
