/* What a node answers to one call and to two: any text. The first byte chooses. */
#include "eth/rpc.h"

#include <stdint.h>

#define FIRST_ID 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(json_t *result) {
  guint64 number;
  (void)eth_rpc_result_uint(result, &number, "fuzz", NULL); /* must only not crash */
  g_autoptr(GBytes) bytes = eth_rpc_result_bytes(result, "fuzz", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const EthRpcCall calls[] = {{"eth_chainId", NULL}, {"eth_call", NULL}};
  if (size == 0)
    return 0;
  guint count = 1 + data[0] % G_N_ELEMENTS(calls);
  json_t *results[G_N_ELEMENTS(calls)];
  g_autoptr(GError) error = NULL;
  gboolean parsed = eth_rpc_parse((const char *)data + 1, size - 1, calls, count, FIRST_ID, results, &error);
  g_assert_true(parsed == !error);
  for (guint i = 0; i < count; i++) {
    g_assert_true((results[i] != NULL) == parsed);
    if (results[i])
      use(results[i]);
  }
  eth_rpc_results_clear(results, count);
  return 0;
}
