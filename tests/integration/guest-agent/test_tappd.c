/* The legacy service as its callers see it: the real program with the simulated TEE. */
#include "harness.h"

#include "base/hex.h"
#include "tdx/quote.h"
#include "tdx/report_data.h"

#include "guest_agent.pb-c.h"

#include <signal.h>
#include <string.h>

static void test_tdx_quote(void) {
  static const struct {
    const char *algorithm, *prefix, *expected;
  } rows[] = {
      {"", "",
       "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c"
       "36b803941e8e3485115e9b794001f2b9f367f6e03c52e532"},
      {"sha256", "", "a5d2ef1e94583bef4a02b29278af41b662d239beb36937a993108841b6b3c1fc"},
      {"sha384", "",
       "520c310d0fa18bedd24891ad191a9b785befe672f518d1c1a5b8d4b6cfb4f233815b825aaaa54663"
       "34fe6e2fd3f2c6a4"},
      {"sha512", "",
       "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c"
       "36b803941e8e3485115e9b794001f2b9f367f6e03c52e532"},
      {"sha3-256", "", "893acdd0162e33594df56553bea2079b99d7d562284f9eb7fd9458e2add81fe8"},
      {"sha3-384", "",
       "47b4d35de7240cf179ac5fde22464fa3a076e5142ba0f629b400602b5f2bfe7f01a1bf2d63ef5abb"
       "ff50a381d7031be3"},
      {"sha3-512", "",
       "4ffccda90bf80d7dd814350ebd438f5b3b77aab1d387b27967778597794cc696311f5cd0f50697b7"
       "96f621ee5c78784e5d847953f3f1120c48519ce6e4648b4c"},
      {"keccak256", "", "b877945563d5025eec520b6bb150efcf4c368c491ff1947529be3125d4e5ecb6"},
      {"keccak384", "",
       "a551aba3b52b345ceeaba78660e95318fd404f947efa8ce16134a9d7dd370248c7a8cf4711dce74e"
       "8c4feb01abb45ea9"},
      {"keccak512", "",
       "6dd564fe70580e2476e2ecb78ba5f994b83f8178064257bba498dcab267c5c75135c6b8f268d9341"
       "5ac8662db5104abccd51d30c0500da684a7550ae3f3b71c7"},
      {"sha512", "custom-domain",
       "ad4a4f0b37dc25e329d9692422b0d798eba8a4cf5e08a553b9c4ac3c40b249903f93e2dda86cd2be"
       "a4dc533ac8a689135feeba17a40ad66a1cc4011f1464785f"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    DstackGuest__TdxQuoteArgs args = DSTACK_GUEST__TDX_QUOTE_ARGS__INIT;
    args.report_data = (ProtobufCBinaryData){.len = 4, .data = (guint8 *)"test"};
    args.hash_algorithm = (char *)rows[i].algorithm;
    args.prefix = (char *)rows[i].prefix;
    g_autoptr(PrpcMessage) message = simulator_call("tappd.sock", "/prpc", "Tappd.TdxQuote", &args.base,
                                                    &dstack_guest__tdx_quote_response__descriptor, NULL);
    const DstackGuest__TdxQuoteResponse *answer = (const DstackGuest__TdxQuoteResponse *)message;
    g_autoptr(GBytes) raw = g_bytes_new(answer->quote.data, answer->quote.len);
    g_autoptr(Quote) quote = quote_parse(raw, NULL);
    g_autofree char *text = hex_encode(quote->td.report_data, TDX_REPORT_DATA_SIZE);
    g_assert_true(g_str_has_prefix(text, rows[i].expected));
    g_assert_cmpuint(strspn(text + strlen(rows[i].expected), "0"), ==, 128 - strlen(rows[i].expected));
    g_assert_cmpstr(answer->hash_algorithm, ==, *rows[i].algorithm ? rows[i].algorithm : "sha512");
    g_assert_cmpstr(answer->prefix, ==, *rows[i].prefix ? rows[i].prefix : "app-data");
  }
}

static void test_tdx_quote_refuses(void) {
  static const struct {
    const char *algorithm;
    gsize len;
  } rows[] = {{"md5", 4}, {"SHA256", 4}, {"sha3-224", 4}, {"raw", 0}, {"raw", 63}, {"raw", 65}};
  guint8 data[65] = {0};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    DstackGuest__TdxQuoteArgs args = DSTACK_GUEST__TDX_QUOTE_ARGS__INIT;
    args.report_data = (ProtobufCBinaryData){.len = rows[i].len, .data = data};
    args.hash_algorithm = (char *)rows[i].algorithm;
    g_assert_null(simulator_call("tappd.sock", "/prpc", "TdxQuote", &args.base,
                                 &dstack_guest__tdx_quote_response__descriptor, NULL));
  }
}

static void test_raw_quote(void) {
  DstackGuest__RawQuoteArgs args = DSTACK_GUEST__RAW_QUOTE_ARGS__INIT;
  guint8 report_data[64] = {1, 2, 3};
  args.report_data = (ProtobufCBinaryData){.len = 64, .data = report_data};
  g_autoptr(PrpcMessage) message = simulator_call("tappd.sock", "/prpc", "RawQuote", &args.base,
                                                  &dstack_guest__tdx_quote_response__descriptor, NULL);
  g_assert_cmpstr(((const DstackGuest__TdxQuoteResponse *)message)->prefix, ==, "");
  args.report_data.len = 63;
  g_assert_null(simulator_call("tappd.sock", "/prpc", "RawQuote", &args.base,
                               &dstack_guest__tdx_quote_response__descriptor, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  simulator_set_up();
  simulator_start();
  g_test_add_func("/tappd/tdx-quote", test_tdx_quote);
  g_test_add_func("/tappd/tdx-quote-refuses", test_tdx_quote_refuses);
  g_test_add_func("/tappd/raw-quote", test_raw_quote);
  int status = g_test_run();
  simulator_stop(SIGTERM);
  simulator_tear_down();
  return status;
}
