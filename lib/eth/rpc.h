/* An Ethereum node, asked over JSON-RPC 2.0 (spec: contracts 7.2).
 *
 * A node is a stranger: its answers are bounded in size and time, matched by id, and checked for shape; and its URL,
 * which often holds a key, is never in a message. Thread-safe. */
#pragma once

#include "eth/abi.h"

#include "base/json.h"

#include <glib.h>

#define ETH_RPC_MAX_ANSWER (1024 * 1024)
#define ETH_RPC_MAX_BATCH 8

typedef struct EthRpc EthRpc;
/* "http://..." or "https://...". Error INVALID. */
EthRpc *eth_rpc_new(const char *url, GError **error);
void eth_rpc_free(EthRpc *rpc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EthRpc, eth_rpc_free)
/* Default 5 s to connect, 20 s in all. */
void eth_rpc_set_timeouts(EthRpc *rpc, guint connect_ms, guint total_ms);
/* Scheme, host and port of a URL, without user, path and query: what may be shown. "configured" when it can't be read.
 */
char *eth_rpc_label(const char *url);

typedef struct {
  const char *method;
  json_t *params; /* owned */
} EthRpcCall;

/* Makes 1 to ETH_RPC_MAX_BATCH calls in one exchange; takes their params. results[i] get new references to what call i
 * returned, never null. Errors: DENIED when the node answered a call with an error ("eth_call: execution reverted:
 * <reason>"), UNAVAILABLE, TIMEOUT, TOO_LARGE, INVALID. */
gboolean eth_rpc_batch(EthRpc *rpc, EthRpcCall *calls, guint n_calls, json_t **results, GError **error);
/* One call. New reference. */
json_t *eth_rpc_call(EthRpc *rpc, const char *method, json_t *params, GError **error);
/* Reads the answer to a batch, as eth_rpc_batch() does: calls[i] has id first_id + i. */
gboolean eth_rpc_parse(const char *json, gsize len, const EthRpcCall *calls, guint n_calls, gint64 first_id,
                       json_t **results, GError **error);
void eth_rpc_results_clear(json_t **results, guint n);

/* Parameters of eth_call and eth_estimateGas. `block` such as "latest" or "0x1f"; NULL leaves it out. New reference. */
json_t *eth_rpc_call_params(const guint8 *from, const guint8 *to, GBytes *data, const char *block);
/* Results: "0x" text as a number, or as bytes. Errors INVALID "<what>: ...". */
gboolean eth_rpc_result_uint(const json_t *result, guint64 *out, const char *what, GError **error);
GBytes *eth_rpc_result_bytes(const json_t *result, const char *what, GError **error);
