#include "eth/rpc.h"

#include "base/error.h"
#include "base/hex.h"
#include "eth/address.h"
#include "prpc/client.h"

#include <string.h>

#define DEFAULT_CONNECT_MS 5000
#define DEFAULT_TOTAL_MS 20000
/* Ids start where no answer to an earlier exchange can be right by chance. */
#define FIRST_ID_RANGE 0x3fffffff

struct EthRpc {
  PrpcClient *client;
  char *label;
};

char *eth_rpc_label(const char *url) {
  g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
  if (!uri || !g_uri_get_host(uri))
    return g_strdup("configured");
  g_autoptr(GUri) shown = g_uri_build(G_URI_FLAGS_NONE, g_uri_get_scheme(uri), NULL, g_uri_get_host(uri),
                                      g_uri_get_port(uri), "", NULL, NULL);
  return g_uri_to_string(shown);
}

EthRpc *eth_rpc_new(const char *url, GError **error) {
  g_autofree char *label = eth_rpc_label(url);
  gboolean is_http = g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://");
  PrpcClient *client = is_http ? prpc_client_new(url, NULL) : NULL;
  if (!client) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "expected a node's URL, http:// or https://");
    return NULL;
  }
  prpc_client_set_timeouts(client, DEFAULT_CONNECT_MS, DEFAULT_TOTAL_MS);
  EthRpc *rpc = g_new0(EthRpc, 1);
  *rpc = (EthRpc){client, g_steal_pointer(&label)};
  return rpc;
}

void eth_rpc_free(EthRpc *rpc) {
  if (!rpc)
    return;
  prpc_client_free(rpc->client);
  g_free(rpc->label);
  g_free(rpc);
}

void eth_rpc_set_timeouts(EthRpc *rpc, guint connect_ms, guint total_ms) {
  prpc_client_set_timeouts(rpc->client, connect_ms, total_ms);
}

static char *print_request(EthRpcCall *calls, guint n_calls, gint64 first_id) {
  g_autoptr(json_t) batch = json_array();
  for (guint i = 0; i < n_calls; i++)
    json_array_append_new(batch, json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id", (json_int_t)first_id + i,
                                           "method", calls[i].method, "params", g_steal_pointer(&calls[i].params)));
  return json_print(n_calls == 1 ? json_array_get(batch, 0) : batch);
}

/* The client's own messages begin with the URL. */
static void hide_url(const EthRpc *rpc, GError *cause, GError **error) {
  DstackErrorCode code = cause->domain == DSTACK_ERROR ? (DstackErrorCode)cause->code : DSTACK_ERROR_UNAVAILABLE;
  const char *text = code == DSTACK_ERROR_TIMEOUT      ? "no answer in time"
                     : code == DSTACK_ERROR_TOO_LARGE  ? "answer too large"
                     : code == DSTACK_ERROR_UNVERIFIED ? "certificate not trusted"
                     : code == DSTACK_ERROR_INVALID    ? "not an http answer"
                                                       : "no connection";
  g_set_error(error, DSTACK_ERROR, code, "node %s: %s", rpc->label, text);
}

static GBytes *exchange(EthRpc *rpc, const char *body, GError **error) {
  int status = 0;
  g_autoptr(GError) cause = NULL;
  g_autoptr(GBytes) answer = prpc_client_http(rpc->client, "POST", "", "application/json", body, strlen(body),
                                              ETH_RPC_MAX_ANSWER, &status, &cause);
  if (!answer) {
    hide_url(rpc, cause, error);
    return NULL;
  }
  if (status == 200)
    return g_steal_pointer(&answer);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "node %s: http status %d", rpc->label, status);
  return NULL;
}

gboolean eth_rpc_batch(EthRpc *rpc, EthRpcCall *calls, guint n_calls, json_t **results, GError **error) {
  g_assert(n_calls >= 1 && n_calls <= ETH_RPC_MAX_BATCH);
  gint64 first_id = g_random_int_range(1, FIRST_ID_RANGE);
  g_autofree char *body = print_request(calls, n_calls, first_id);
  g_autoptr(GBytes) answer = exchange(rpc, body, error);
  if (!answer)
    return FALSE;
  gsize len;
  const char *json = g_bytes_get_data(answer, &len);
  return eth_rpc_parse(json ? json : "", len, calls, n_calls, first_id, results, error);
}

json_t *eth_rpc_call(EthRpc *rpc, const char *method, json_t *params, GError **error) {
  EthRpcCall call = {method, params};
  json_t *result = NULL;
  return eth_rpc_batch(rpc, &call, 1, &result, error) ? result : NULL;
}

json_t *eth_rpc_call_params(const guint8 *from, const guint8 *to, GBytes *data, const char *block) {
  json_t *call = json_object();
  if (from) {
    g_autofree char *text = eth_address_format(from);
    json_object_set_new(call, "from", json_string(text));
  }
  if (to) {
    g_autofree char *text = eth_address_format(to);
    json_object_set_new(call, "to", json_string(text));
  }
  g_autofree char *digits = hex_encode_bytes(data);
  g_autofree char *prefixed = g_strconcat("0x", digits, NULL);
  json_object_set_new(call, "data", json_string(prefixed));
  return block ? json_pack("[o,s]", call, block) : json_pack("[o]", call);
}
