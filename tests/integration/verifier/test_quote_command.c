/* dstack-verifier quote as scripts use it: forms of input, exit status, JSON. */
#include "base/hex.h"
#include "base/json.h"
#include "fixture.h"
#include "tdx/quote.h"
#include "world.h"

#include <string.h>

typedef struct {
  int status;
  json_t *json;
} Answer;

static void answer_clear(Answer *answer) { json_decref(answer->json); }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static Answer ask(const char *const *arguments) {
  g_autofree char *output = NULL;
  Answer answer = {.status = run_verifier(arguments, &output, NULL)};
  answer.json = json_parse(output, strlen(output), "output", NULL);
  g_assert_nonnull(answer.json);
  return answer;
}

static const char *text_of(const Answer *answer, const char *key) {
  return json_string_value(json_object_get(answer->json, key));
}

static Answer ask_world(const World *world, const char *quote_path, const char *more, const char *value) {
  const char *arguments[] = {
      "quote", quote_path, "--json", "--collateral", world->sample->collateral_path, "--root", world->sample->root_path,
      more,    value,      NULL};
  return ask(arguments);
}

static void assert_form(const World *world, const char *content, gssize len) {
  g_autofree char *path = world_write(world, "quote", content, len);
  g_auto(Answer) answer = ask_world(world, path, NULL, NULL);
  g_assert_cmpint(answer.status, ==, 0);
  g_assert_true(json_is_true(json_object_get(answer.json, "verified")));
  g_assert_cmpstr(text_of(&answer, "status"), ==, "UpToDate");
  g_assert_cmpstr(text_of(&answer, "trust_anchor"), ==, "external");
  g_assert_true(json_is_null(json_object_get(answer.json, "error")));
  g_assert_null(json_object_get(answer.json, "rtmr_replay"));
}

static void test_forms(void) {
  g_autoptr(World) world = world_new();
  gsize len;
  const void *raw = g_bytes_get_data(world->sample->quote, &len);
  g_autofree char *hex = hex_encode(raw, len);
  g_autofree char *prefixed = g_strdup_printf(" 0x%s\n", hex);
  g_autofree char *json = g_strdup_printf("{\"event_log\":\"\",\"quote\":\"%s\"}", hex);
  assert_form(world, raw, (gssize)len);
  assert_form(world, hex, -1);
  assert_form(world, prefixed, -1);
  assert_form(world, json, -1);
}

static void assert_refused(const Answer *answer, const char *error_class) {
  g_assert_cmpint(answer->status, ==, 1);
  g_assert_true(json_is_false(json_object_get(answer->json, "verified")));
  g_assert_true(json_is_null(json_object_get(answer->json, "status")));
  g_assert_cmpstr(text_of(answer, "error"), ==, error_class);
  g_assert_true(g_str_has_prefix(text_of(answer, "reason"), error_class));
}

static void test_refused(void) {
  g_autoptr(World) world = world_new();
  gsize len;
  g_autofree guint8 *raw =
      g_memdup2(g_bytes_get_data(world->sample->quote, &len), g_bytes_get_size(world->sample->quote));
  len = g_bytes_get_size(world->sample->quote);
  g_autofree char *good = world_write(world, "good", (char *)raw, (gssize)len);
  const char *without_root[] = {"quote", good, "--json", "--collateral", world->sample->collateral_path, NULL};
  g_auto(Answer) intel = ask(without_root);
  assert_refused(&intel, "chain invalid");
  const char *without_collateral[] = {"quote", good, "--json", "--root", world->sample->root_path, NULL};
  g_auto(Answer) no_collateral = ask(without_collateral);
  assert_refused(&no_collateral, "collateral fetch");
  g_auto(Answer) early = ask_world(world, good, "--at", "1000000000");
  g_assert_cmpint(early.status, ==, 1);
  raw[600] ^= 1; /* report data */
  g_autofree char *bad = world_write(world, "bad", (char *)raw, (gssize)len);
  g_auto(Answer) flipped = ask_world(world, bad, NULL, NULL);
  assert_refused(&flipped, "signature invalid: quote");
  g_autofree char *cut = world_write(world, "cut", (char *)raw, 700);
  g_auto(Answer) truncated = ask_world(world, cut, NULL, NULL);
  assert_refused(&truncated, "parse error");
  g_assert_true(json_is_null(json_object_get(truncated.json, "report")));
  g_autofree char *no_json = world_write(world, "broken.json", "{", -1);
  const char *broken_collateral[] = {"quote", good, "--json", "--collateral", no_json, NULL};
  g_auto(Answer) broken = ask(broken_collateral);
  assert_refused(&broken, "collateral decode");
}

static void test_event_log(void) {
  g_autoptr(World) world = world_new();
  gsize len;
  const void *raw = g_bytes_get_data(world->sample->quote, &len);
  g_autofree char *quote = world_write(world, "quote", raw, (gssize)len);
  g_autofree char *log = world_write(world, "log.json", world->sample->event_log, -1);
  g_auto(Answer) good = ask_world(world, quote, "--event-log", log);
  g_assert_cmpint(good.status, ==, 0);
  const json_t *replay = json_object_get(good.json, "rtmr_replay"), *report = json_object_get(good.json, "report");
  for (guint i = 0; i < TDX_N_RTMRS; i++) {
    g_autofree char *key = g_strdup_printf("rtmr%u", i), *field = g_strdup_printf("rt_mr%u", i);
    g_assert_cmpstr(json_string_value(json_object_get(replay, key)), ==,
                    json_string_value(json_object_get(report, field)));
  }
  g_autoptr(json_t) events = json_parse(world->sample->event_log, strlen(world->sample->event_log), "log", NULL);
  json_array_remove(events, json_array_size(events) - 1);
  g_autofree char *shorter = json_print(events);
  g_autofree char *other = world_write(world, "other.json", shorter, -1);
  g_auto(Answer) mismatch = ask_world(world, quote, "--event-log", other);
  g_assert_cmpint(mismatch.status, ==, 1);
  g_assert_cmpstr(text_of(&mismatch, "error"), ==, "rtmr mismatch");
  g_assert_nonnull(json_object_get(mismatch.json, "rtmr_replay"));
}

static int status_of(const char *const *arguments, const char *expected_in_errors) {
  g_autofree char *output = NULL, *errors = NULL;
  int status = run_verifier(arguments, &output, &errors);
  if (expected_in_errors && !strstr(errors, expected_in_errors))
    g_error("'%s' is not in: %s", expected_in_errors, errors);
  return status;
}

static void test_usage(void) {
  g_autoptr(World) world = world_new();
  g_autofree char *text = world_write(world, "text", "{}", -1);
  g_autofree char *absent = world_path(world, "absent");
  const char *none[] = {"quote", NULL}, *two[] = {"quote", text, text, NULL};
  const char *option[] = {"quote", text, "--frobnicate", NULL}, *missing[] = {"quote", absent, NULL};
  const char *no_hex[] = {"quote", text, "--hex", NULL}, *no_quote[] = {"quote", text, NULL};
  const char *no_root[] = {"quote", world->sample->collateral_path, "--root", text, NULL};
  const char *help[] = {"quote", "--help", NULL};
  g_assert_cmpint(status_of(none, "expected one FILE"), ==, 2);
  g_assert_cmpint(status_of(two, "expected one FILE"), ==, 2);
  g_assert_cmpint(status_of(option, "--frobnicate"), ==, 2);
  g_assert_cmpint(status_of(missing, "absent: no such file"), ==, 2);
  g_assert_cmpint(status_of(no_hex, "hex"), ==, 2);
  g_assert_cmpint(status_of(no_quote, "quote"), ==, 2);
  g_assert_cmpint(status_of(no_root, "quote"), ==, 2);
  g_assert_cmpint(status_of(help, NULL), ==, 0);
}

static char *fixture_copy(const World *world, const char *name, const char *as) {
  g_autoptr(GBytes) content = fixture_bytes(name);
  return world_write(world, as, g_bytes_get_data(content, NULL), (gssize)g_bytes_get_size(content));
}

/* Everything the program says about real quotes is what stands beside them. */
static void check_pair(const World *world, const json_t *pair, const json_t *dumps) {
  const char *name = json_string_value(json_object_get(pair, "quote"));
  g_autofree char *quote = fixture_copy(world, name, "real.quote");
  g_autofree char *collateral =
      fixture_copy(world, json_string_value(json_object_get(pair, "collateral")), "real.collateral");
  g_autofree char *now = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(pair, "now")));
  const char *arguments[] = {"quote", quote, "--collateral", collateral, "--at", now, "--json", NULL};
  g_auto(Answer) answer = ask(arguments);
  const char *error_class = json_string_value(json_object_get(pair, "error"));
  g_assert_cmpstr(text_of(&answer, "error"), ==, error_class);
  g_assert_cmpint(answer.status, ==, error_class ? 1 : 0);
  g_assert_cmpstr(text_of(&answer, "trust_anchor"), ==, "vendor");
  static const char *const keys[] = {"status", "advisory_ids", "platform_status", "module_status", "qe_status"};
  for (gsize i = 0; i < G_N_ELEMENTS(keys) && !error_class; i++)
    g_assert_true(json_equal(json_object_get(answer.json, keys[i]), json_object_get(pair, keys[i])));
  const json_t *fields = json_object_get(json_object_get(dumps, name), "body_fields");
  if (fields)
    g_assert_true(json_equal(fields, json_object_get(answer.json, "report")));
}

static void test_real_pairs(void) {
  g_autoptr(GBytes) text = fixture_bytes("expected.json");
  if (!text)
    return;
  g_autoptr(json_t) expected = json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), "expected", NULL);
  g_autoptr(World) world = world_new();
  size_t i;
  json_t *pair;
  json_array_foreach(json_object_get(expected, "pairs"), i, pair)
      check_pair(world, pair, json_object_get(expected, "quotes"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/verifier/quote/forms", test_forms);
  g_test_add_func("/verifier/quote/refused", test_refused);
  g_test_add_func("/verifier/quote/event-log", test_event_log);
  g_test_add_func("/verifier/quote/usage", test_usage);
  g_test_add_func("/verifier/quote/real-pairs", test_real_pairs);
  return g_test_run();
}
