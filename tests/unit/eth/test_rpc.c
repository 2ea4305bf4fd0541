/* Tests of lib/eth: what is made of a node's answers. */
#include "base/error.h"
#include "eth/rpc.h"

#include <string.h>

static const EthRpcCall two_calls[] = {{"eth_chainId", NULL}, {"eth_call", NULL}};

static gboolean parse(const char *json, guint n_calls, json_t **results, GError **error) {
  return eth_rpc_parse(json, strlen(json), two_calls, n_calls, 7, results, error);
}

static void test_good(void) {
  json_t *results[2];
  g_assert_true(parse("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\"}", 1, results, NULL));
  g_assert_cmpstr(json_string_value(results[0]), ==, "0x1");
  eth_rpc_results_clear(results, 1);
  /* In any order, with members nobody asked for. */
  g_assert_true(parse("[{\"id\":8,\"result\":\"0xbb\",\"jsonrpc\":\"2.0\",\"x\":[1]},"
                      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0xaa\",\"error\":null}]",
                      2, results, NULL));
  g_assert_cmpstr(json_string_value(results[0]), ==, "0xaa");
  g_assert_cmpstr(json_string_value(results[1]), ==, "0xbb");
  eth_rpc_results_clear(results, 2);
}

static void test_bad(void) {
#define ANSWER(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"0x1\"}"
  static const struct {
    guint n_calls;
    const char *json;
  } bad[] = {
      {1, ""},
      {1, "null"},
      {1, "[]"},
      {1, "{}"},
      {1, ANSWER("7") "x"},
      {1, ANSWER("8")},
      {1, ANSWER("\"7\"")},
      {1, ANSWER("7.0")},
      {1, ANSWER("null")},
      {1, ANSWER("-1")},
      {1, "[" ANSWER("7") "," ANSWER("7") "]"},
      {1, "{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":\"0x1\"}"},
      {1, "{\"id\":7,\"result\":\"0x1\"}"},
      {1, "{\"jsonrpc\":\"2.0\",\"id\":7}"},
      {1, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":null}"},
      {1, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\",\"result\":\"0x2\"}"},
      {1, "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"},
      {2, ANSWER("7")},
      {2, "[" ANSWER("7") "]"},
      {2, "[" ANSWER("7") "," ANSWER("7") "]"},
      {2, "[" ANSWER("7") "," ANSWER("9") "]"},
      {2, "[" ANSWER("7") "," ANSWER("8") "," ANSWER("9") "]"},
      {2, "[" ANSWER("7") ",1]"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    json_t *results[2];
    g_autoptr(GError) error = NULL;
    g_assert_false(parse(bad[i].json, bad[i].n_calls, results, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_null(results[0]);
  }
}

static void assert_denied(const char *json, const char *expected) {
  json_t *results[2];
  g_autoptr(GError) error = NULL;
  g_assert_false(parse(json, 1, results, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
  g_assert_cmpstr(error->message, ==, expected);
}

static void test_failures(void) {
  assert_denied("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32000,\"message\":\"over\\nlimit\"}}",
                "eth_chainId: over limit");
  assert_denied("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse error\"}}",
                "eth_chainId: parse error");
  assert_denied("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":\"no object\"}", "eth_chainId: no message");
  assert_denied("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\",\"error\":{\"message\":\"both\"}}",
                "eth_chainId: both");
  assert_denied("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":3,\"message\":\"execution "
                "reverted\",\"data\":\"0x118cdaa7\"}}",
                "eth_chainId: execution reverted: OwnableUnauthorizedAccount: the signer is not the owner");
  g_autofree char *long_text = g_strnfill(5000, 'x');
  g_autofree char *json = g_strdup_printf("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"message\":\"%s\"}}", long_text);
  json_t *results[1];
  g_autoptr(GError) error = NULL;
  g_assert_false(parse(json, 1, results, &error));
  g_assert_cmpuint(strlen(error->message), <, 300);
}

static void assert_label(const char *url, const char *expected) {
  g_autofree char *label = eth_rpc_label(url);
  g_assert_cmpstr(label, ==, expected);
}

static void test_labels(void) {
  assert_label("https://user:password@node.example:8443/v2/secret-key?token=x#y", "https://node.example:8443");
  assert_label("http://localhost:8545", "http://localhost:8545");
  assert_label("http://[::1]:8545/x", "http://[::1]:8545");
  assert_label("not a url", "configured");
  assert_label("", "configured");
}

/* A node that can't be reached is told of without what its URL keeps. */
static void test_errors_hide_the_url(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EthRpc) rpc = eth_rpc_new("http://127.0.0.1:1/v2/secret-key", &error);
  g_assert_no_error(error);
  g_assert_null(eth_rpc_call(rpc, "eth_chainId", json_array(), &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  g_assert_cmpstr(error->message, ==, "node http://127.0.0.1:1: no connection");
  g_clear_error(&error);
  g_assert_null(eth_rpc_new("unix:/secret-key", &error));
  g_assert_null(strstr(error->message, "secret-key"));
}

static void test_results(void) {
  guint64 number;
  g_autoptr(json_t) text = json_string("0x1f"), object = json_object(), odd = json_string("0x1"),
                    plain = json_string("1f");
  g_assert_true(eth_rpc_result_uint(text, &number, "test", NULL));
  g_assert_cmpuint(number, ==, 0x1f);
  g_assert_false(eth_rpc_result_uint(object, &number, "test", NULL));
  g_autoptr(GBytes) bytes = eth_rpc_result_bytes(text, "test", NULL);
  g_assert_cmpuint(g_bytes_get_size(bytes), ==, 1);
  g_assert_null(eth_rpc_result_bytes(odd, "test", NULL));
  g_assert_null(eth_rpc_result_bytes(plain, "test", NULL));
  g_assert_null(eth_rpc_result_bytes(object, "test", NULL));
  g_assert_null(eth_rpc_result_bytes(NULL, "test", NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/eth/rpc/good", test_good);
  g_test_add_func("/eth/rpc/bad", test_bad);
  g_test_add_func("/eth/rpc/failures", test_failures);
  g_test_add_func("/eth/rpc/labels", test_labels);
  g_test_add_func("/eth/rpc/errors-hide-the-url", test_errors_hide_the_url);
  g_test_add_func("/eth/rpc/results", test_results);
  return g_test_run();
}
