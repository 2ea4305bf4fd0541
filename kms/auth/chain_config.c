#include "kms/auth/chain_config.h"

#include "base/error.h"
#include "eth/address.h"

#include <string.h>

#define ZERO_ADDRESS "0x0000000000000000000000000000000000000000"
#define MAX_CONFIRMATIONS 100000
#define MAX_BLOCK_AGE (7 * 24 * 3600)
#define MAX_CACHE_SECONDS 60

void chain_config_free(ChainConfig *config) {
  if (!config)
    return;
  g_strfreev(config->node_urls);
  g_free(config->contract_text);
  g_free(config->block_tag);
  g_free(config);
}

static gboolean invalid(GError **error, const char *text) {
  g_set_error_literal(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, text);
  return FALSE;
}

static gboolean read_nodes(ChainConfig *config, AuthEnvironment *environment, GError **error) {
  const char *text = auth_environment_get(environment, "ETH_RPC_URL", "http://localhost:8545");
  config->node_urls = g_strsplit(text, ",", CHAIN_MAX_NODES + 1);
  guint count = g_strv_length(config->node_urls);
  for (guint i = 0; i < count; i++)
    g_strstrip(config->node_urls[i]);
  if (count > CHAIN_MAX_NODES)
    return invalid(error, "ETH_RPC_URL: expected at most 8 nodes");
  /* Without it a node of another chain could answer for the right one. */
  if (count > 1 && config->chain_id == 0)
    return invalid(error, "ETH_CHAIN_ID: needed when ETH_RPC_URL names several nodes");
  if (config->quorum < 1 || config->quorum > count)
    return invalid(error, "ETH_RPC_QUORUM: expected 1 to the number of nodes");
  return TRUE;
}

static gboolean read_block(ChainConfig *config, AuthEnvironment *environment, GError **error) {
  static const char *const tags[] = {"latest", "safe", "finalized", NULL};
  config->block_tag = g_strdup(auth_environment_get(environment, "ETH_BLOCK_TAG", "latest"));
  if (!g_strv_contains(tags, config->block_tag))
    return invalid(error, "ETH_BLOCK_TAG: expected latest, safe or finalized");
  if (config->confirmations > 0 && strcmp(config->block_tag, "latest") != 0)
    return invalid(error, "ETH_FINALITY_CONFIRMATIONS: counts from the latest block only");
  return TRUE;
}

ChainConfig *chain_config_new(AuthEnvironment *environment, GError **error) {
  g_autoptr(ChainConfig) config = g_new0(ChainConfig, 1);
  const struct {
    const char *name;
    guint64 fallback, max, *to;
  } numbers[] = {
      {"ETH_CHAIN_ID", 0, G_MAXINT64, &config->chain_id},
      {"ETH_FINALITY_CONFIRMATIONS", 0, MAX_CONFIRMATIONS, &config->confirmations},
      {"ETH_MAX_BLOCK_AGE", 0, MAX_BLOCK_AGE, &config->max_block_age},
      {"ETH_RPC_QUORUM", 1, CHAIN_MAX_NODES, &config->quorum},
      {"AUTH_CACHE_SECONDS", 0, MAX_CACHE_SECONDS, &config->cache_seconds},
  };
  for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
    if (!auth_environment_uint(environment, numbers[i].name, numbers[i].fallback, numbers[i].max, numbers[i].to, error))
      return NULL;
  config->contract_text = g_strdup(auth_environment_get(environment, "KMS_CONTRACT_ADDR", ZERO_ADDRESS));
  if (!eth_address_parse(config->contract_text, config->contract, "KMS_CONTRACT_ADDR", error) ||
      !read_nodes(config, environment, error) || !read_block(config, environment, error))
    return NULL;
  return g_steal_pointer(&config);
}
