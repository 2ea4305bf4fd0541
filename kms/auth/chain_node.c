#include "kms/auth/chain_node.h"

#include "kms/auth/boot_call.h"

#include "base/error.h"
#include "eth/address.h"

/* Clocks differ a little. */
#define MAX_BLOCK_AHEAD 900

static GBytes *getter(const char *signature) {
  GByteArray *data = g_byte_array_new();
  eth_abi_add_selector(data, signature);
  return g_byte_array_free_to_bytes(data);
}

static EthRpcCall contract_call(const ChainConfig *config, GBytes *data, const char *block) {
  return (EthRpcCall){"eth_call", eth_rpc_call_params(NULL, config->contract, data, block)};
}

static gboolean check_chain_id(const ChainConfig *config, const json_t *result, guint64 *chain_id, GError **error) {
  if (!eth_rpc_result_uint(result, chain_id, "eth_chainId", error))
    return FALSE;
  if (config->chain_id == 0 || config->chain_id == *chain_id)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "the node is of chain %" G_GUINT64_FORMAT ", not of %" G_GUINT64_FORMAT, *chain_id, config->chain_id);
  return FALSE;
}

static gboolean check_age(const ChainConfig *config, guint64 timestamp, GError **error) {
  guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC);
  if (config->max_block_age == 0)
    return TRUE;
  if (timestamp <= now + MAX_BLOCK_AHEAD && (timestamp >= now || now - timestamp <= config->max_block_age))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the node's newest block is too old or from the future");
  return FALSE;
}

/* The number of the block to read from. */
static gboolean choose_block(const ChainConfig *config, const json_t *head, guint64 *block, GError **error) {
  guint64 number, timestamp;
  if (!eth_rpc_result_uint(json_object_get(head, "number"), &number, "block number", error) ||
      !eth_rpc_result_uint(json_object_get(head, "timestamp"), &timestamp, "block timestamp", error) ||
      !check_age(config, timestamp, error))
    return FALSE;
  *block = number - config->confirmations;
  if (number >= config->confirmations)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the chain is shorter than the confirmations asked for");
  return FALSE;
}

static gboolean find_block(EthRpc *node, const ChainConfig *config, guint64 *block, GError **error) {
  json_t *results[2];
  EthRpcCall calls[] = {{"eth_chainId", json_array()},
                        {"eth_getBlockByNumber", json_pack("[s,b]", config->block_tag, FALSE)}};
  guint64 chain_id;
  if (!eth_rpc_batch(node, calls, G_N_ELEMENTS(calls), results, error))
    return FALSE;
  gboolean found =
      check_chain_id(config, results[0], &chain_id, error) && choose_block(config, results[1], block, error);
  eth_rpc_results_clear(results, G_N_ELEMENTS(results));
  return found;
}

static char *read_gateway_app_id(const json_t *result, GError **error) {
  g_autoptr(GBytes) answer = eth_rpc_result_bytes(result, "gatewayAppId", error);
  return answer ? eth_abi_get_text(answer, 0, BOOT_CALL_MAX_GATEWAY_APP_ID, error) : NULL;
}

static gboolean read_decision(json_t *const *results, guint64 block, AuthDecision *out, GError **error) {
  g_autoptr(GBytes) verdict = eth_rpc_result_bytes(results[0], "eth_call", error);
  g_auto(AuthDecision) decision = {.has_block = TRUE, .block = block};
  if (!verdict || !boot_call_decode(verdict, &decision.allowed, &decision.reason, error))
    return FALSE;
  decision.gateway_app_id = read_gateway_app_id(results[1], error);
  if (!decision.gateway_app_id)
    return FALSE;
  *out = decision;
  decision = (AuthDecision){0};
  return TRUE;
}

gboolean chain_node_decide(EthRpc *node, const ChainConfig *config, GBytes *question, AuthDecision *out,
                           GError **error) {
  guint64 number;
  if (!find_block(node, config, &number, error))
    return FALSE;
  g_autofree char *block = eth_quantity_format(number);
  g_autoptr(GBytes) gateway = getter("gatewayAppId()");
  EthRpcCall calls[] = {contract_call(config, question, block), contract_call(config, gateway, block)};
  json_t *results[G_N_ELEMENTS(calls)];
  if (!eth_rpc_batch(node, calls, G_N_ELEMENTS(calls), results, error))
    return FALSE;
  gboolean decided = read_decision(results, number, out, error);
  eth_rpc_results_clear(results, G_N_ELEMENTS(results));
  return decided;
}

static json_t *read_info(json_t *const *results, const ChainConfig *config, GError **error) {
  guint64 chain_id;
  if (!check_chain_id(config, results[0], &chain_id, error))
    return NULL;
  g_autofree char *gateway = read_gateway_app_id(results[1], error);
  g_autoptr(GBytes) answer = gateway ? eth_rpc_result_bytes(results[2], "appImplementation", error) : NULL;
  guint8 address[ETH_ADDRESS_SIZE];
  if (!answer || !eth_abi_get_address(answer, 0, address, error))
    return NULL;
  g_autofree char *implementation = eth_address_format(address);
  return json_pack("{s:s,s:I,s:s,s:s}", "gatewayAppId", gateway, "chainId", (json_int_t)chain_id,
                   "appAuthImplementation", implementation, "appImplementation", implementation);
}

json_t *chain_node_info(EthRpc *node, const ChainConfig *config, GError **error) {
  g_autoptr(GBytes) gateway = getter("gatewayAppId()");
  g_autoptr(GBytes) implementation = getter("appImplementation()");
  EthRpcCall calls[] = {{"eth_chainId", json_array()},
                        contract_call(config, gateway, config->block_tag),
                        contract_call(config, implementation, config->block_tag)};
  json_t *results[G_N_ELEMENTS(calls)];
  if (!eth_rpc_batch(node, calls, G_N_ELEMENTS(calls), results, error))
    return NULL;
  json_t *info = read_info(results, config, error);
  eth_rpc_results_clear(results, G_N_ELEMENTS(results));
  return info;
}
