#include "cli/contract_events.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "eth/address.h"

#include <string.h>

static char *topic_of(const char *signature) {
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(signature, strlen(signature), digest);
  g_autofree char *digits = hex_encode(digest, sizeof digest);
  return g_strconcat("0x", digits, NULL);
}

static json_t *query(const guint8 contract[ETH_ADDRESS_SIZE]) {
  g_autofree char *address = eth_address_format(contract);
  return json_pack("[{s:s,s:s,s:s}]", "address", address, "fromBlock", "0x0", "toBlock", "latest");
}

static void forget(GPtrArray *values, const char *value) {
  for (guint i = 0; i < values->len; i++)
    if (strcmp(values->pdata[i], value) == 0) {
      g_ptr_array_remove_index(values, i);
      return;
    }
}

/* One event of one list: adding twice is adding once. */
static void apply(GPtrArray *values, const char *topic, const ContractList *list, const char *value) {
  g_autofree char *added = topic_of(list->added), *removed = list->removed ? topic_of(list->removed) : NULL;
  gboolean adds = strcmp(topic, added) == 0;
  if (!adds && g_strcmp0(topic, removed) != 0)
    return;
  forget(values, value);
  if (adds)
    g_ptr_array_add(values, g_strdup(value));
}

static void apply_log(GPtrArray **out, const ContractList *lists, gsize count, const json_t *log) {
  const char *topic = json_string_value(json_array_get(json_object_get(log, "topics"), 0));
  g_autoptr(GBytes) data = eth_rpc_result_bytes(json_object_get(log, "data"), "event", NULL);
  if (!topic || !data || g_bytes_get_size(data) != ETH_WORD_SIZE)
    return; /* another event */
  g_autofree char *digits = hex_encode_bytes(data), *value = g_strconcat("0x", digits, NULL);
  for (gsize i = 0; i < count; i++)
    apply(out[i], topic, &lists[i], value);
}

gboolean contract_events_read(Wallet *wallet, const guint8 contract[ETH_ADDRESS_SIZE], const ContractList *lists,
                              gsize count, GPtrArray **out, GError **error) {
  g_autoptr(GError) cause = NULL;
  g_autoptr(json_t) logs = eth_rpc_call(wallet->rpc, "eth_getLogs", query(contract), &cause);
  if (!json_is_array(logs)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the node does not give the contract's history: %s",
                cause ? cause->message : "not a list");
    return FALSE;
  }
  for (gsize i = 0; i < count; i++)
    out[i] = g_ptr_array_new_with_free_func(g_free);
  gsize at;
  json_t *log;
  json_array_foreach(logs, at, log) apply_log(out, lists, count, log);
  return TRUE;
}
