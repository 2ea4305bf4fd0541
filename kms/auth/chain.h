/* Decisions of the contracts, read from one or several nodes of their chain.
 *
 * A decision and the gateway's app id come from one block. A node that fails in any way is passed over; when too few
 * are left, there is no decision. With a quorum, nodes that contradict each other make no decision either. */
#pragma once

#include "kms/auth/backend.h"
#include "kms/auth/chain_config.h"

typedef struct Chain Chain;
/* Keeps the config by reference. Error INVALID when a node's URL can't be used. */
Chain *chain_new(const ChainConfig *config, GError **error);
void chain_free(Chain *chain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Chain, chain_free)
AuthBackend chain_backend(Chain *chain);
