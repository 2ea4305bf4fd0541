#include "kms/auth/chain.h"

#include "kms/auth/boot_call.h"
#include "kms/auth/chain_node.h"
#include "kms/auth/decision_cache.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

#define CONNECT_MS 5000
/* All exchanges of one decision together: two with each node. The KMS waits 30 s. */
#define DECISION_MS 20000

struct Chain {
  const ChainConfig *config;
  EthRpc *nodes[CHAIN_MAX_NODES];
  guint n_nodes;
  gint preferred; /* the node that answered last; atomic */
  DecisionCache *cache;
};

Chain *chain_new(const ChainConfig *config, GError **error) {
  g_autoptr(Chain) chain = g_new0(Chain, 1);
  chain->config = config;
  chain->cache = decision_cache_new(config->cache_seconds);
  guint count = g_strv_length(config->node_urls);
  guint exchange_ms = DECISION_MS / (2 * count);
  for (; chain->n_nodes < count; chain->n_nodes++) {
    EthRpc *node = eth_rpc_new(config->node_urls[chain->n_nodes], error);
    if (!node) {
      g_prefix_error(error, "ETH_RPC_URL: ");
      return NULL;
    }
    eth_rpc_set_timeouts(node, MIN(CONNECT_MS, exchange_ms), exchange_ms);
    chain->nodes[chain->n_nodes] = node;
  }
  return g_steal_pointer(&chain);
}

void chain_free(Chain *chain) {
  if (!chain)
    return;
  for (guint i = 0; i < chain->n_nodes; i++)
    eth_rpc_free(chain->nodes[i]);
  decision_cache_free(chain->cache);
  g_free(chain);
}

static gboolean same_decision(const AuthDecision *a, const AuthDecision *b) {
  return a->allowed == b->allowed && strcmp(a->reason, b->reason) == 0 &&
         strcmp(a->gateway_app_id, b->gateway_app_id) == 0;
}

/* Adds one node's word to what is agreed so far. FALSE when it contradicts. */
static gboolean agree(AuthDecision *agreed, guint64 *votes, AuthDecision *word, GError **error) {
  if (*votes == 0) {
    *agreed = *word;
    *word = (AuthDecision){0};
  } else if (!same_decision(agreed, word)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the nodes contradict each other");
    return FALSE;
  } else {
    agreed->block = MIN(agreed->block, word->block); /* the newest that all of them have seen */
  }
  (*votes)++;
  return TRUE;
}

static gboolean ask_nodes(Chain *chain, GBytes *question, AuthDecision *agreed, GError **error) {
  guint first = (guint)g_atomic_int_get(&chain->preferred);
  guint64 votes = 0;
  for (guint i = 0; i < chain->n_nodes && votes < chain->config->quorum; i++) {
    guint at = (first + i) % chain->n_nodes;
    g_auto(AuthDecision) word = {0};
    g_autoptr(GError) cause = NULL;
    if (!chain_node_decide(chain->nodes[at], chain->config, question, &word, &cause)) {
      log_warn("node %u of %u: %s", at + 1, chain->n_nodes, cause->message);
      continue;
    }
    if (votes == 0)
      g_atomic_int_set(&chain->preferred, (gint)at);
    if (!agree(agreed, &votes, &word, error))
      return FALSE;
  }
  if (votes >= chain->config->quorum)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE,
              "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " nodes answered", votes, chain->config->quorum);
  return FALSE;
}

static gboolean decide(gpointer self, AuthSubject subject, const AuthQuestion *question, AuthDecision *out,
                       GError **error) {
  Chain *chain = self;
  g_autoptr(GBytes) call = boot_call_encode(subject, question);
  if (decision_cache_get(chain->cache, call, out))
    return TRUE;
  g_auto(AuthDecision) agreed = {0};
  if (!ask_nodes(chain, call, &agreed, error))
    return FALSE;
  decision_cache_put(chain->cache, call, &agreed);
  *out = agreed;
  agreed = (AuthDecision){0};
  return TRUE;
}

static json_t *info(gpointer self, GError **error) {
  Chain *chain = self;
  guint first = (guint)g_atomic_int_get(&chain->preferred);
  json_t *found = NULL;
  for (guint i = 0; i < chain->n_nodes && !found; i++) {
    guint at = (first + i) % chain->n_nodes;
    g_clear_error(error);
    found = chain_node_info(chain->nodes[at], chain->config, error);
    if (found) {
      g_autofree char *label = eth_rpc_label(chain->config->node_urls[at]);
      json_object_set_new(found, "kmsContractAddr", json_string(chain->config->contract_text));
      json_object_set_new(found, "ethRpcUrl", json_string(label));
    }
  }
  return found;
}

AuthBackend chain_backend(Chain *chain) { return (AuthBackend){decide, info, chain}; }
