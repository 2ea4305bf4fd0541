/* The way to a chain: which node, which contract, which key; and asking before anything is signed. */
#pragma once

#include "eth/account.h"

#include <glib.h>

/* Options of all verbs that look at a chain. */
typedef struct {
  char *rpc;       /* --rpc, else ETH_RPC_URL */
  char *contract;  /* --kms-contract, else KMS_CONTRACT_ADDR */
  char *key_file;  /* --key-file, else the key is taken from PRIVATE_KEY */
  gint64 chain_id; /* --chain-id; 0: whichever the node is of */
  gboolean yes;    /* --yes */
} WalletOptions;
extern WalletOptions wallet_options;
/* Own `entries` (may be NULL) with those options behind. Freed with g_free(). */
GOptionEntry *wallet_entries(const GOptionEntry *own);

typedef struct {
  EthRpc *rpc;
  char *label; /* of the node */
  Secret *key; /* NULL when only reading */
  EthAccount account;
} Wallet;
void wallet_clear(Wallet *wallet);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wallet, wallet_clear)

/* Connects to read only, or also to sign. */
gboolean wallet_open_reading(Wallet *wallet, GError **error);
gboolean wallet_open_signing(Wallet *wallet, GError **error);
/* The DstackKms proxy named by the options. */
gboolean wallet_kms_contract(guint8 out[ETH_ADDRESS_SIZE], GError **error);

/* Reads from a contract at the latest block. An address without a contract is an error. */
GBytes *wallet_read(Wallet *wallet, const guint8 contract[ETH_ADDRESS_SIZE], GBytes *data, GError **error);
/* The same for a function without parameters, such as "owner()". */
GBytes *wallet_get(Wallet *wallet, const guint8 contract[ETH_ADDRESS_SIZE], const char *signature, GError **error);

/* Says what is to be done, what it may cost and who signs; asks (unless --yes); signs, sends, waits. `what` completes
 * "about to ...". Returns the receipt, NULL with *error; error DENIED when the person said no. */
json_t *wallet_send(Wallet *wallet, const guint8 *contract, GBytes *data, const char *what, GError **error);
