/* One node's word on one question. */
#pragma once

#include "kms/auth/backend.h"
#include "kms/auth/chain_config.h"

#include "eth/rpc.h"

/* `question` is call data of DstackKms. Errors: whatever makes the node's answer no decision. */
gboolean chain_node_decide(EthRpc *node, const ChainConfig *config, GBytes *question, AuthDecision *out,
                           GError **error);
/* What GET / tells of the chain: gatewayAppId, chainId, appAuthImplementation, appImplementation. New reference. */
json_t *chain_node_info(EthRpc *node, const ChainConfig *config, GError **error);
