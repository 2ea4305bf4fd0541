/* Settings of dstack-auth-eth. */
#pragma once

#include "kms/auth/environment.h"

#include "eth/abi.h"

#include <glib.h>

#define CHAIN_MAX_NODES 8

typedef struct {
  char **node_urls;    /* 1 to CHAIN_MAX_NODES, the first is preferred */
  char *contract_text; /* as configured */
  guint8 contract[ETH_ADDRESS_SIZE];
  guint64 chain_id;      /* 0: not checked */
  char *block_tag;       /* "latest", "safe" or "finalized" */
  guint64 confirmations; /* blocks behind the newest; only with "latest" */
  guint64 max_block_age; /* seconds; 0: any */
  guint64 quorum;        /* nodes that must agree */
  guint64 cache_seconds; /* how long a decision may be repeated; 0: never */
} ChainConfig;
void chain_config_free(ChainConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChainConfig, chain_config_free)

/* Error INVALID names the setting. */
ChainConfig *chain_config_new(AuthEnvironment *environment, GError **error);
