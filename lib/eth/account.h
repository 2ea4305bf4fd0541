/* An account that signs transactions with a key it has: what they will cost, sending them, waiting for them. */
#pragma once

#include "eth/rpc.h"
#include "eth/transaction.h"

typedef struct {
  EthRpc *rpc;       /* borrowed */
  const Secret *key; /* borrowed */
  guint8 address[ETH_ADDRESS_SIZE];
  guint64 chain_id;
} EthAccount;

/* Asks the node for its chain. With `expected_chain_id` other than 0 it must be that one: error UNVERIFIED. */
gboolean eth_account_open(EthAccount *account, EthRpc *rpc, const Secret *key, guint64 expected_chain_id,
                          GError **error);

/* Fills a transaction with the account's next number, current fees and enough gas. `to` NULL makes a contract; `to` and
 * `data` must outlive it. A call that would revert is an error here, with the contract's reason, before anything is
 * signed. */
gboolean eth_account_prepare(const EthAccount *account, const guint8 *to, GBytes *data, EthTransaction *out,
                             GError **error);
/* The most it can cost, such as "0.00123"; in the chain's currency of 18 decimals. Newly allocated. */
char *eth_transaction_cost(const EthTransaction *transaction);

/* Signs, sends and waits until it is in a block: at most three minutes. `hash` gets its name as soon as it was signed.
 * Returns the receipt. Errors: DENIED when it reverted, TIMEOUT when it is still pending. New reference. */
json_t *eth_account_send(const EthAccount *account, const EthTransaction *transaction, guint8 hash[32], GError **error);
