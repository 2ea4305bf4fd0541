#include "eth/account.h"

#include "base/error.h"
#include "base/hex.h"
#include "eth/address.h"

#include <string.h>

#define DEFAULT_PRIORITY_FEE 1000000000 /* for nodes that have no opinion */
#define MAX_FEE_PER_GAS 1000000000000000ULL
#define MAX_GAS 100000000
#define RECEIPT_WAIT_SECONDS 180
#define FIRST_POLL_MS 100
#define LAST_POLL_MS 2000

gboolean eth_account_open(EthAccount *account, EthRpc *rpc, const Secret *key, guint64 expected_chain_id,
                          GError **error) {
  *account = (EthAccount){.rpc = rpc, .key = key};
  if (!eth_address_of_key(key, account->address, error))
    return FALSE;
  g_autoptr(json_t) result = eth_rpc_call(rpc, "eth_chainId", json_array(), error);
  if (!result || !eth_rpc_result_uint(result, &account->chain_id, "eth_chainId", error))
    return FALSE;
  if (expected_chain_id == 0 || expected_chain_id == account->chain_id)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "the node is of chain %" G_GUINT64_FORMAT ", not of %" G_GUINT64_FORMAT, account->chain_id,
              expected_chain_id);
  return FALSE;
}

static guint64 priority_fee(EthRpc *rpc) {
  guint64 fee;
  g_autoptr(json_t) result = eth_rpc_call(rpc, "eth_maxPriorityFeePerGas", json_array(), NULL);
  return result && eth_rpc_result_uint(result, &fee, "fee", NULL) ? fee : DEFAULT_PRIORITY_FEE;
}

static gboolean read_fees(const json_t *block, EthTransaction *out, GError **error) {
  guint64 base_fee;
  if (!eth_rpc_result_uint(json_object_get(block, "baseFeePerGas"), &base_fee, "baseFeePerGas", error))
    return FALSE;
  if (base_fee > MAX_FEE_PER_GAS || out->max_priority_fee > MAX_FEE_PER_GAS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the node asks for an absurd fee");
    return FALSE;
  }
  out->max_fee = 2 * base_fee + out->max_priority_fee; /* room for the base fee to double */
  return TRUE;
}

static gboolean read_gas(const json_t *result, EthTransaction *out, GError **error) {
  guint64 gas;
  if (!eth_rpc_result_uint(result, &gas, "eth_estimateGas", error))
    return FALSE;
  if (gas > MAX_GAS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the node asks for an absurd amount of gas");
    return FALSE;
  }
  out->gas_limit = gas + gas / 5;
  return TRUE;
}

gboolean eth_account_prepare(const EthAccount *account, const guint8 *to, GBytes *data, EthTransaction *out,
                             GError **error) {
  g_autofree char *address = eth_address_format(account->address);
  *out = (EthTransaction){
      .chain_id = account->chain_id, .to = to, .data = data, .max_priority_fee = priority_fee(account->rpc)};
  EthRpcCall calls[] = {{"eth_getTransactionCount", json_pack("[s,s]", address, "pending")},
                        {"eth_getBlockByNumber", json_pack("[s,b]", "latest", FALSE)},
                        {"eth_estimateGas", eth_rpc_call_params(account->address, to, data, NULL)}};
  json_t *results[G_N_ELEMENTS(calls)];
  if (!eth_rpc_batch(account->rpc, calls, G_N_ELEMENTS(calls), results, error))
    return FALSE;
  gboolean ready = eth_rpc_result_uint(results[0], &out->nonce, "eth_getTransactionCount", error) &&
                   read_fees(results[1], out, error) && read_gas(results[2], out, error);
  eth_rpc_results_clear(results, G_N_ELEMENTS(results));
  return ready;
}

char *eth_transaction_cost(const EthTransaction *transaction) {
  const guint64 wei_per_unit = 1000000000000000000ULL;
  unsigned __int128 wei = (unsigned __int128)transaction->gas_limit * transaction->max_fee;
  g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT ".%018" G_GUINT64_FORMAT, (guint64)(wei / wei_per_unit),
                                          (guint64)(wei % wei_per_unit));
  gsize len = strlen(text);
  while (len > 0 && text[len - 1] == '0')
    len--;
  return g_strndup(text, text[len - 1] == '.' ? len + 1 : len);
}

/* NULL without an error: not in a block yet. */
static json_t *find_receipt(EthRpc *rpc, const char *hash, GError **error) {
  g_autoptr(GError) cause = NULL;
  json_t *receipt = eth_rpc_call(rpc, "eth_getTransactionReceipt", json_pack("[s]", hash), &cause);
  /* "null" is refused as an answer everywhere else. */
  if (!receipt && !g_error_matches(cause, DSTACK_ERROR, DSTACK_ERROR_INVALID))
    g_propagate_error(error, g_steal_pointer(&cause));
  return receipt;
}

static json_t *wait_for_receipt(EthRpc *rpc, const char *hash, GError **error) {
  gint64 deadline = g_get_monotonic_time() + RECEIPT_WAIT_SECONDS * G_USEC_PER_SEC;
  for (guint wait_ms = FIRST_POLL_MS; g_get_monotonic_time() < deadline; wait_ms = MIN(2 * wait_ms, LAST_POLL_MS)) {
    g_autoptr(GError) cause = NULL;
    json_t *receipt = find_receipt(rpc, hash, &cause);
    if (receipt)
      return receipt;
    if (cause && !g_error_matches(cause, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT)) {
      g_propagate_error(error, g_steal_pointer(&cause));
      return NULL;
    }
    g_usleep(wait_ms * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "transaction %s is still not in a block; it may yet come",
              hash);
  return NULL;
}

json_t *eth_account_send(const EthAccount *account, const EthTransaction *transaction, guint8 hash[32],
                         GError **error) {
  g_autoptr(GBytes) bytes = eth_transaction_sign(transaction, account->key, hash, error);
  if (!bytes)
    return NULL;
  g_autofree char *digits = hex_encode_bytes(bytes), *hash_digits = hex_encode(hash, 32);
  g_autofree char *raw = g_strconcat("0x", digits, NULL), *name = g_strconcat("0x", hash_digits, NULL);
  g_autoptr(json_t) sent = eth_rpc_call(account->rpc, "eth_sendRawTransaction", json_pack("[s]", raw), error);
  g_autoptr(json_t) receipt = sent ? wait_for_receipt(account->rpc, name, error) : NULL;
  guint64 status;
  if (!receipt || !eth_rpc_result_uint(json_object_get(receipt, "status"), &status, "receipt status", error))
    return NULL;
  if (status == 1)
    return g_steal_pointer(&receipt);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "transaction %s was reverted", name);
  return NULL;
}
