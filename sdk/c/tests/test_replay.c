#include "bytes.h"
#include "dstack/dstack.h"

#include <glib.h>
#include <string.h>

#define RUNTIME "\"imr\":3,\"event_type\":134217729"
#define ELEVENS "1111111111111111111111111111111111111111"
#define TWOS "2222222222222222222222222222222222222222222222222222222222222222"
#define THREES "3333333333333333333333333333333333333333"

typedef struct {
  const char *name, *payload, *digest;
} Event;

static char *text_hex(const char *text) { return hex_encode(text, strlen(text)); }

static char *print_log(const Event *events, guint count) {
  GString *log = g_string_new("[");
  for (guint i = 0; i < count; i++)
    g_string_append_printf(log, "%s{" RUNTIME ",\"event\":\"%s\",\"event_payload\":\"%s\",\"digest\":\"%s\"}",
                           i ? "," : "", events[i].name, events[i].payload, events[i].digest);
  g_string_append_c(log, ']');
  return g_string_free(log, FALSE);
}

static void check_rtmr3(const Event *events, guint count, const char *expected) {
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  dstack_error error = {0};
  g_autofree char *log = print_log(events, count);
  dstack_status status = dstack_replay_rtmrs(log, registers, &error);
  g_assert_cmpstr(error.message, ==, "");
  g_assert_cmpint(status, ==, DSTACK_OK);
  g_autofree char *hex = hex_encode(registers[3], DSTACK_RTMR_SIZE);
  g_assert_cmpstr(hex, ==, expected);
}

static void test_vectors(void) {
  g_autofree char *provider = text_hex("{\"name\":\"none\",\"id\":\"\"}");
  const Event events[] = {{"system-preparing", "", ""},   {"app-id", ELEVENS, ""},  {"compose-hash", TWOS, ""},
                          {"instance-id", THREES, ""},    {"boot-mr-done", "", ""}, {"key-provider", provider, ""},
                          {"storage-fs", "65787434", ""}, {"system-ready", "", ""}};
  check_rtmr3(events, 0,
              "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000");
  check_rtmr3(events, 5,
              "51e6737cc37085e270f04c1719caf0bb97a2d7e4396f570793ce9d61da7672cfeb07f01e154cb615295785002e931c47");
  check_rtmr3(events, 8,
              "296998af2d9339c537e7d10f98e0cfdecddfeb7e71dfa5bdc881fce5d1f9ea269b140e7bfaf07228d563c358292947a5");
}

/* The reference's fixture, with the digests it gives. */
static void test_given_digests(void) {
  g_autofree char *provider =
      text_hex("{\"name\":\"kms\",\"id\":"
               "\"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c7774"
               "0eeb0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0\"}");
  const Event events[] = {
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
      {"key-provider", provider,
       "cc0ae424f1335f3059359f712f72f0aebee7a01fba2e4d527f3ea9299bac808a3ea1f8ae2982875fb3c9697fd6f4a5f2"},
      {"system-ready", "",
       "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd"},
  };
  check_rtmr3(events, G_N_ELEMENTS(events),
              "6d1a3da994b6611ee602f25f07b41671ece90cd2898689f1ad4448fdf1155e3668736cca4499659caae2d8044070de57");
}

/* Events that an app emits; replay compares the digests. */
static void test_emitted_digests(void) {
  g_autofree char *payload = text_hex("test payload");
  const Event events[] = {
      {"test-event", payload,
       "abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0"},
      {"custom-event", "deadbeef",
       "932d89c58e4b06531792f52cae148160c71aed5eef155b3294b2ca88e85b4b9b96753526c082a4cf90fd39ffe6ee2fd9"},
  };
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  g_autofree char *log = print_log(events, G_N_ELEMENTS(events));
  g_assert_cmpint(dstack_replay_rtmrs(log, registers, NULL), ==, DSTACK_OK);
}

static void test_second_version(void) {
  static const char format[] =
      "[{" RUNTIME
      ",\"event\":\"compose-hash\",\"event_payload\":\"abcd\",\"version\":2,\"preimage\":\"%s\",\"digest\":"
      "\"9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842a050ad7b\"}]";
  g_autofree char *preimage = text_hex("{\"name\":\"compose-hash\",\"payload\":\"abcd\",\"type\":134217729}");
  g_autofree char *other = text_hex("{\"name\":\"compose-hash\",\"payload\":\"abcd\",\"type\":134217730}");
  g_autofree char *log = g_strdup_printf(format, preimage);
  g_autofree char *changed = g_strdup_printf(format, other);
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  g_assert_cmpint(dstack_replay_rtmrs(log, registers, NULL), ==, DSTACK_OK);
  g_assert_cmpint(dstack_replay_rtmrs(changed, registers, NULL), ==, DSTACK_UNVERIFIED);
}

/* A digest shorter than a register is padded with zeros. */
static void test_padding(void) {
  uint8_t short_[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE], padded[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  g_autofree char *zeros = g_strnfill(94, '0');
  g_autofree char *log = g_strdup_printf("[{\"imr\":1,\"event_type\":1,\"digest\":\"ab%s\"}]", zeros);
  g_assert_cmpint(dstack_replay_rtmrs("[{\"imr\":1,\"event_type\":1,\"digest\":\"ab\"}]", short_, NULL), ==, DSTACK_OK);
  g_assert_cmpint(dstack_replay_rtmrs(log, padded, NULL), ==, DSTACK_OK);
  g_assert_cmpmem(short_, sizeof short_, padded, sizeof padded);
}

static void test_bad_input(void) {
  static const char *const bad[] = {
      "",
      "{}",
      "[",
      "null",
      "[1]",
      "[{}]",
      "[{\"imr\":\"0\",\"event_type\":1,\"digest\":\"\"}]",
      "[{\"imr\":0,\"event_type\":1,\"digest\":\"abx\"}]",
      "[{\"imr\":0,\"event_type\":1,\"digest\":\"abc\"}]",
      "[{\"imr\":0,\"event_type\":1,\"digest\":1}]",
      "[{\"imr\":0,\"event_type\":-1,\"digest\":\"\"}]",
      "[{" RUNTIME ",\"event\":\"a\",\"event_payload\":\"0\",\"digest\":\"\"}]",
      "[{" RUNTIME ",\"event\":\"a\",\"event_payload\":\"\",\"digest\":\"\",\"version\":3}]",
      "[{" RUNTIME ",\"event\":\"a\",\"event_payload\":\"\",\"digest\":\"\",\"version\":\"1\"}]",
      "[{" RUNTIME ",\"event\":\"a\\u0000b\",\"event_payload\":\"\",\"digest\":\"\"}]",
  };
  uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_cmpint(dstack_replay_rtmrs(bad[i], registers, NULL), ==, DSTACK_INVALID);
  const Event wrong = {"a", "00", ELEVENS};
  g_autofree char *log = print_log(&wrong, 1);
  dstack_error error;
  g_assert_cmpint(dstack_replay_rtmrs(log, registers, &error), ==, DSTACK_UNVERIFIED);
  g_assert_cmpstr(error.message, ==, "event 0 of the log: digest is not that of the event's name and payload");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sdk-c/replay/vectors", test_vectors);
  g_test_add_func("/sdk-c/replay/given-digests", test_given_digests);
  g_test_add_func("/sdk-c/replay/emitted-digests", test_emitted_digests);
  g_test_add_func("/sdk-c/replay/second-version", test_second_version);
  g_test_add_func("/sdk-c/replay/padding", test_padding);
  g_test_add_func("/sdk-c/replay/bad-input", test_bad_input);
  return g_test_run();
}
