/* Ethereum transactions of type 2 (EIP-1559), without value and access list. */
#pragma once

#include "eth/abi.h"

#include "base/secret.h"

#include <glib.h>

typedef struct {
  guint64 chain_id, nonce;
  guint64 max_priority_fee, max_fee; /* wei per unit of gas */
  guint64 gas_limit;
  const guint8 *to; /* ETH_ADDRESS_SIZE bytes; NULL: makes a contract */
  GBytes *data;     /* borrowed */
} EthTransaction;

/* The signed bytes, ready to be sent; `hash` gets the transaction's name. Error INVALID when the key is no key. */
GBytes *eth_transaction_sign(const EthTransaction *transaction, const Secret *key, guint8 hash[32], GError **error);
