/* Tests of kms/auth: questions, and how they are put to a contract. Vectors: spec contracts 6. */
#include "kms/auth/boot_call.h"
#include "kms/auth/question.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

#define SAMPLE                                                                                                         \
  "\"appId\":\"ea549f02e1a25fabd1cb788380e033ec5461b2ff\","                                                            \
  "\"composeHash\":\"ea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b\","                              \
  "\"instanceId\":\"0x59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a\","                                                     \
  "\"deviceId\":\"DA2D377E04B7133EC1287A18D465FA44AE9DBB08D929166C6BDB414F38A2ACD3\","                                 \
  "\"mrAggregated\":\"286261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64\","                             \
  "\"mrSystem\":\"db69de4e8cd3cfb7431c31b9b3c0919cd4e688e629c15d9e745881f20caf25c8\","                                 \
  "\"osImageHash\":\"64f0d1545cd510a8dfed7ad609d105b5d41f0cb2afcfdda8867ede00c88add7a\""
#define EMPTY                                                                                                          \
  "\"appId\":\"\",\"composeHash\":\"\",\"instanceId\":\"\",\"deviceId\":\"\",\"mrAggregated\":\"\",\"osImageHash\":"   \
  "\"\""

static AuthParsing parse(const char *json, AuthQuestion *out) { return auth_question_parse(json, strlen(json), out); }

static void assert_call(const char *json, AuthSubject subject, gsize size, const char *digest_hex) {
  g_auto(AuthQuestion) question = {0};
  g_assert_cmpint(parse(json, &question), ==, AUTH_PARSED);
  g_autoptr(GBytes) call = boot_call_encode(subject, &question);
  guint8 digest[KECCAK256_SIZE];
  gsize len;
  const void *data = g_bytes_get_data(call, &len);
  g_assert_cmpuint(len, ==, size);
  digest_keccak256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_assert_cmpstr(hex, ==, digest_hex);
}

static void test_calls(void) {
  assert_call("{" SAMPLE ",\"tcbStatus\":\"UpToDate\",\"advisoryIds\":[]}", AUTH_APP, 420,
              "ca6b4dff802bc2394510768612dccbcffb0ab3b5b770e0e8af93fdaaf713ddcd");
  assert_call("{" SAMPLE ",\"tcbStatus\":\"UpToDate\"}", AUTH_KMS, 420,
              "a1f00440439551736d0a8fcd4edfc0bb63babc378e3ff00dba037bdf2adaaf47");
  assert_call("{" SAMPLE ",\"tcbStatus\":\"OutOfDate\",\"advisoryIds\":[\"INTEL-SA-00837\",\"INTEL-SA-00960\"]}",
              AUTH_APP, 612, "7b83b355bf2427d3d2a2a58e3e322dcc42ec2123353ec558d7fba93492a1e511");
}

/* Short values are numbers: they stand on the right. */
static void test_padding(void) {
  g_auto(AuthQuestion) question = {0};
  g_assert_cmpint(
      parse("{\"appId\":\"0x1\",\"composeHash\":\"abc\",\"instanceId\":\"\",\"deviceId\":\"0x\",\"mrAggregated\":\"\","
            "\"osImageHash\":\"\"}",
            &question),
      ==, AUTH_PARSED);
  g_autoptr(GBytes) call = boot_call_encode(AUTH_APP, &question);
  g_autofree char *hex = hex_encode_bytes(call);
  g_assert_true(g_str_has_prefix(hex + 8 + 64, "0000000000000000000000000000000000000000000000000000000000000001"
                                               "0000000000000000000000000000000000000000000000000000000000000abc"
                                               "0000000000000000000000000000000000000000000000000000000000000000"));
}

static void test_defaults(void) {
  g_auto(AuthQuestion) question = {0};
  g_assert_cmpint(parse("{" EMPTY ",\"unknown\":{\"a\":[1]},\"eventLog\":\"[]\"}", &question), ==, AUTH_PARSED);
  g_assert_cmpstr(question.tcb_status, ==, "");
  g_assert_cmpstr(question.mr_system, ==, "");
  g_assert_null(question.advisory_ids[0]);
}

static void test_not_json(void) {
  static const char *const texts[] = {"",         "{",  "{" EMPTY, "{" EMPTY "}}", "{\"appId\":\"\",\"appId\":\"\"}",
                                      "\xff\xfe", "nul"};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_auto(AuthQuestion) question = {0};
    g_assert_cmpint(parse(texts[i], &question), ==, AUTH_NOT_JSON);
  }
}

static void assert_no_question(const char *json) {
  g_auto(AuthQuestion) question = {0};
  g_assert_cmpint(parse(json, &question), ==, AUTH_NOT_A_QUESTION);
  g_assert_null(question.app_id);
}

static void test_not_questions(void) {
  static const char *const texts[] = {
      "null",
      "[]",
      "{}",
      "\"x\"",
      "1",
      "{\"appId\":\"\"}",
      "{" EMPTY ",\"tcbStatus\":null}",
      "{" EMPTY ",\"tcbStatus\":1}",
      "{" EMPTY ",\"tcbStatus\":\"a\\u0000b\"}",
      "{" EMPTY ",\"advisoryIds\":{}}",
      "{" EMPTY ",\"advisoryIds\":[1]}",
      "{" EMPTY ",\"advisoryIds\":null}",
      "{" EMPTY ",\"mrSystem\":7}",
      "{" EMPTY ",\"mrSystem\":\"xyz\"}",
  };
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    assert_no_question(texts[i]);
}

/* Each required member missing, of another type, no hex, too long. */
static void test_required_members(void) {
  static const char *const keys[] = {"appId", "composeHash", "instanceId", "deviceId", "mrAggregated", "osImageHash"};
  g_autofree char *long_digits = g_strnfill(66, 'a');
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    json_t *values[] = {NULL,
                        json_null(),
                        json_integer(1),
                        json_true(),
                        json_pack("[s]", "ab"),
                        json_string("zz"),
                        json_string("0x0x"),
                        json_string(" ab"),
                        json_string(long_digits)};
    for (guint j = 0; j < G_N_ELEMENTS(values); j++) {
      g_autoptr(json_t) body = json_loads("{" EMPTY "}", 0, NULL);
      json_object_del(body, keys[i]);
      if (values[j])
        json_object_set_new(body, keys[i], values[j]);
      g_autofree char *json = json_print(body);
      assert_no_question(json);
    }
  }
}

static void test_bounds(void) {
  g_autofree char *status = g_strnfill(129, 'x'), *advisory = g_strnfill(257, 'x');
  g_autofree char *long_status = g_strdup_printf("{" EMPTY ",\"tcbStatus\":\"%s\"}", status);
  g_autofree char *long_advisory = g_strdup_printf("{" EMPTY ",\"advisoryIds\":[\"%s\"]}", advisory);
  assert_no_question(long_status);
  assert_no_question(long_advisory);
  for (guint count = 128; count <= 129; count++) {
    g_autoptr(json_t) body = json_loads("{" EMPTY "}", 0, NULL);
    json_t *list = json_array();
    for (guint i = 0; i < count; i++)
      json_array_append_new(list, json_string("x"));
    json_object_set_new(body, "advisoryIds", list);
    g_autofree char *json = json_print(body);
    g_auto(AuthQuestion) question = {0};
    g_assert_cmpint(parse(json, &question), ==, count == 128 ? AUTH_PARSED : AUTH_NOT_A_QUESTION);
  }
  g_assert_cmpint(parse("{\"appId\":\"00000000000000000000000000000000000000001\",\"composeHash\":\"\",\"instanceId\":"
                        "\"\",\"deviceId\":"
                        "\"\",\"mrAggregated\":\"\",\"osImageHash\":\"\"}",
                        &(AuthQuestion){0}),
                  ==, AUTH_NOT_A_QUESTION);
}

static gboolean decode(const char *hex, gboolean *allowed, char **reason, GError **error) {
  g_autoptr(GBytes) answer = hex_decode(hex, strlen(hex), NULL);
  return boot_call_decode(answer, allowed, reason, error);
}

#define ZEROS_62 "00000000000000000000000000000000000000000000000000000000000000"
#define WORD(digits) ZEROS_62 digits

static void test_verdicts(void) {
  gboolean allowed;
  g_autofree char *none = NULL, *brief = NULL, *two_words = NULL;
  g_assert_true(decode(WORD("01") WORD("40") WORD("00"), &allowed, &none, NULL));
  g_assert_true(allowed);
  g_assert_cmpstr(none, ==, "");
  g_assert_true(decode(WORD("00") WORD("40")
                           WORD("17") "4f5320696d616765206973206e6f7420616c6c6f776564000000000000000000",
                       &allowed, &brief, NULL));
  g_assert_false(allowed);
  g_assert_cmpstr(brief, ==, "OS image is not allowed");
  g_assert_true(decode(WORD("00") WORD("40")
                           WORD("23") "417070206e6f74206465706c6f796564206f7220696e76616c69642061646472"
                                      "6573730000000000000000000000000000000000000000000000000000000000",
                       &allowed, &two_words, NULL));
  g_assert_cmpstr(two_words, ==, "App not deployed or invalid address");
}

static void test_bad_verdicts(void) {
  static const char *const bad[] = {"",
                                    WORD("01"),
                                    WORD("01") WORD("40"),
                                    WORD("02") WORD("40") WORD("00"),
                                    "80" ZEROS_62 WORD("40") WORD("00"),
                                    WORD("01") WORD("41") WORD("00"),
                                    WORD("01") WORD("60") WORD("00"),
                                    WORD("01") WORD("40") WORD("01")};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    gboolean allowed;
    char *reason = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(decode(bad[i], &allowed, &reason, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_null(reason);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/auth/question/calls", test_calls);
  g_test_add_func("/auth/question/padding", test_padding);
  g_test_add_func("/auth/question/defaults", test_defaults);
  g_test_add_func("/auth/question/not-json", test_not_json);
  g_test_add_func("/auth/question/not-questions", test_not_questions);
  g_test_add_func("/auth/question/required-members", test_required_members);
  g_test_add_func("/auth/question/bounds", test_bounds);
  g_test_add_func("/auth/verdict/good", test_verdicts);
  g_test_add_func("/auth/verdict/bad", test_bad_verdicts);
  return g_test_run();
}
