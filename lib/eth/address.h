/* Ethereum addresses as text (EIP-55), and numbers as JSON-RPC writes them. */
#pragma once

#include "eth/abi.h"

#include "base/secret.h"

#include <glib.h>

/* 40 hex digits, "0x" optional. Of mixed case the checksum must be right. Error INVALID "<what>: ...". */
gboolean eth_address_parse(const char *text, guint8 out[ETH_ADDRESS_SIZE], const char *what, GError **error);
/* "0x" and 40 digits whose case is the checksum. Newly allocated. */
char *eth_address_format(const guint8 address[ETH_ADDRESS_SIZE]);
/* The account of a secp256k1 key. Error INVALID. */
gboolean eth_address_of_key(const Secret *key, guint8 out[ETH_ADDRESS_SIZE], GError **error);
/* The address of a contract that `account` makes with its transaction number `nonce`. */
void eth_address_of_contract(const guint8 account[ETH_ADDRESS_SIZE], guint64 nonce, guint8 out[ETH_ADDRESS_SIZE]);

/* "0x" and digits without leading zeros, "0x0" for zero, as JSON-RPC has it. */
char *eth_quantity_format(guint64 value);
/* Error INVALID "<what>: ..." when it is anything else, or more than 64 bits. */
gboolean eth_quantity_parse(const char *text, guint64 *out, const char *what, GError **error);
