#include "cli/wallet.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "eth/address.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_KEY_FILE 1024
#define KEY_DIGITS 64

WalletOptions wallet_options;

GOptionEntry *wallet_entries(const GOptionEntry *own) {
  WalletOptions *to = &wallet_options;
  const GOptionEntry entries[] = {
      {"rpc", 0, 0, G_OPTION_ARG_STRING, &to->rpc, "a node of the chain (or ETH_RPC_URL)", "URL"},
      {"kms-contract", 0, 0, G_OPTION_ARG_STRING, &to->contract, "the DstackKms proxy (or KMS_CONTRACT_ADDR)",
       "ADDRESS"},
      {"key-file", 0, 0, G_OPTION_ARG_FILENAME, &to->key_file,
       "file with the key that signs, 64 hex digits (or PRIVATE_KEY)", "FILE"},
      {"chain-id", 0, 0, G_OPTION_ARG_INT64, &to->chain_id, "refuse a node of another chain", "N"},
      {"yes", 'y', 0, G_OPTION_ARG_NONE, &to->yes, "do not ask before signing", NULL},
  };
  g_autoptr(GArray) all = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
  for (; own && own->long_name; own++)
    g_array_append_vals(all, own, 1);
  g_array_append_vals(all, entries, G_N_ELEMENTS(entries));
  return g_array_steal(all, NULL);
}

void wallet_clear(Wallet *wallet) {
  g_clear_pointer(&wallet->rpc, eth_rpc_free);
  g_clear_pointer(&wallet->label, g_free);
  g_clear_pointer(&wallet->key, secret_free);
}

gboolean wallet_open_reading(Wallet *wallet, GError **error) {
  const char *url = wallet_options.rpc ? wallet_options.rpc : g_getenv("ETH_RPC_URL");
  if (!url || !*url) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "name a node of the chain: --rpc URL, or ETH_RPC_URL");
    return FALSE;
  }
  wallet->label = eth_rpc_label(url);
  wallet->rpc = eth_rpc_new(url, error);
  return wallet->rpc != NULL;
}

/* 64 hex digits, "0x" before and white space around them allowed. Wipes the text. */
static Secret *parse_key(char *text, gsize len, const char *where, GError **error) {
  g_autoptr(Secret) key = secret_new_zero(KEY_DIGITS / 2);
  const char *digits = g_strstrip(text);
  if (g_str_has_prefix(digits, "0x"))
    digits += 2;
  gboolean parsed = strlen(digits) == KEY_DIGITS && hex_decode_fixed(digits, secret_data(key), KEY_DIGITS / 2, NULL);
  secret_wipe(text, len);
  if (parsed)
    return g_steal_pointer(&key);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected a key of 64 hexadecimal digits", where);
  return NULL;
}

static Secret *key_from_file(const char *path, GError **error) {
  g_autofree char *text = file_read_text(path, MAX_KEY_FILE, error);
  return text ? parse_key(text, strlen(text), path, error) : NULL;
}

static Secret *key_from_environment(GError **error) {
  const char *value = g_getenv("PRIVATE_KEY");
  if (!value || !*value) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "name the key that signs: --key-file FILE, or PRIVATE_KEY");
    return NULL;
  }
  g_autofree char *copy = g_strdup(value);
  Secret *key = parse_key(copy, strlen(copy), "PRIVATE_KEY", error);
  g_unsetenv("PRIVATE_KEY");
  return key;
}

gboolean wallet_open_signing(Wallet *wallet, GError **error) {
  wallet->key = wallet_options.key_file ? key_from_file(wallet_options.key_file, error) : key_from_environment(error);
  return wallet->key && wallet_open_reading(wallet, error) &&
         eth_account_open(&wallet->account, wallet->rpc, wallet->key, (guint64)MAX(wallet_options.chain_id, 0), error);
}

gboolean wallet_kms_contract(guint8 out[ETH_ADDRESS_SIZE], GError **error) {
  const char *text = wallet_options.contract ? wallet_options.contract : g_getenv("KMS_CONTRACT_ADDR");
  if (text && *text)
    return eth_address_parse(text, out, "the KMS contract", error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "name the DstackKms proxy: --kms-contract ADDRESS, or KMS_CONTRACT_ADDR");
  return FALSE;
}

GBytes *wallet_read(Wallet *wallet, const guint8 contract[ETH_ADDRESS_SIZE], GBytes *data, GError **error) {
  g_autoptr(json_t) result =
      eth_rpc_call(wallet->rpc, "eth_call", eth_rpc_call_params(NULL, contract, data, "latest"), error);
  g_autoptr(GBytes) answer = result ? eth_rpc_result_bytes(result, "eth_call", error) : NULL;
  if (!answer || g_bytes_get_size(answer) > 0)
    return g_steal_pointer(&answer);
  g_autofree char *address = eth_address_format(contract);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "there is no such contract at %s", address);
  return NULL;
}

GBytes *wallet_get(Wallet *wallet, const guint8 contract[ETH_ADDRESS_SIZE], const char *signature, GError **error) {
  GByteArray *call = g_byte_array_new();
  eth_abi_add_selector(call, signature);
  g_autoptr(GBytes) data = g_byte_array_free_to_bytes(call);
  return wallet_read(wallet, contract, data, error);
}

static void describe(const Wallet *wallet, const EthTransaction *transaction, const char *what) {
  g_autofree char *signer = eth_address_format(wallet->account.address), *cost = eth_transaction_cost(transaction);
  g_autofree char *contract = transaction->to ? eth_address_format(transaction->to) : NULL;
  fprintf(stderr, "About to %s\n", what);
  if (contract)
    fprintf(stderr, "  contract  %s\n", contract);
  fprintf(stderr, "  signed by %s\n  chain     %" G_GUINT64_FORMAT " (%s)\n  costs     at most %s\n", signer,
          wallet->account.chain_id, wallet->label, cost);
}

static gboolean agreed(GError **error) {
  if (wallet_options.yes)
    return TRUE;
  if (!isatty(STDIN_FILENO)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED,
                "nobody to ask: standard input is no terminal; --yes signs without asking");
    return FALSE;
  }
  fputs("Sign and send? [y/N] ", stderr);
  char answer[16] = "";
  if (fgets(answer, sizeof answer, stdin) && g_ascii_tolower(answer[0]) == 'y')
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "nothing was signed");
  return FALSE;
}

json_t *wallet_send(Wallet *wallet, const guint8 *contract, GBytes *data, const char *what, GError **error) {
  EthTransaction transaction;
  if (!eth_account_prepare(&wallet->account, contract, data, &transaction, error)) {
    g_prefix_error(error, "can not %s: ", what);
    return NULL;
  }
  describe(wallet, &transaction, what);
  if (!agreed(error))
    return NULL;
  guint8 hash[32];
  json_t *receipt = eth_account_send(&wallet->account, &transaction, hash, error);
  if (receipt) {
    g_autofree char *digits = hex_encode(hash, sizeof hash);
    fprintf(stderr, "Done: transaction 0x%s\n", digits);
  }
  return receipt;
}
