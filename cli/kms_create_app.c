#include "cli/kms_contract.h"

#include "base/error.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "cli/contract_change.h"
#include "crypto/digest.h"
#include "eth/address.h"

#include <stdio.h>
#include <string.h>

#define FUNCTION "deployAndRegisterApp(address,bool,bool,bool,bytes32,bytes32)"
#define EVENT "AppDeployedViaFactory(address,address)"

static gboolean add_hash(GByteArray *call, const char *text, const char *what, GError **error) {
  guint8 word[ETH_WORD_SIZE] = {0};
  if (text && !contract_parse_hash(text, word, what, error))
    return FALSE;
  eth_abi_add_word(call, word);
  return TRUE;
}

static GBytes *encode(const KmsContractOptions *options, const guint8 owner[ETH_ADDRESS_SIZE], GError **error) {
  g_autoptr(GByteArray) call = g_byte_array_new();
  eth_abi_add_selector(call, FUNCTION);
  eth_abi_add_address(call, owner);
  eth_abi_add_uint(call, options->disable_upgrades ? 1 : 0);
  eth_abi_add_uint(call, options->require_tcb ? 1 : 0);
  eth_abi_add_uint(call, options->any_device ? 1 : 0);
  if (!add_hash(call, options->device, "--device", error) ||
      !add_hash(call, options->compose_hash, "--compose-hash", error))
    return NULL;
  return g_byte_array_free_to_bytes(g_steal_pointer(&call));
}

static char *describe(const KmsContractOptions *options, const char *owner) {
  return g_strdup_printf(
      "create an app's contract\n  owner     %s\n  devices   %s\n  compose   %s\n  tcb       %s\n  upgrades  %s", owner,
      options->any_device ? "any"
      : options->device   ? options->device
                          : "none yet",
      options->compose_hash ? options->compose_hash : "none yet", options->require_tcb ? "must be up to date" : "any",
      options->disable_upgrades ? "never" : "by its owner");
}

static gboolean is_creation(const json_t *log, const char *topic, const char *kms) {
  const char *emitter = json_string_value(json_object_get(log, "address"));
  const char *first = json_string_value(json_array_get(json_object_get(log, "topics"), 0));
  return emitter && first && g_ascii_strcasecmp(emitter, kms) == 0 && strcmp(first, topic) == 0;
}

/* The new contract's address, from the event of the KMS contract. */
static gboolean find_app(const json_t *receipt, const guint8 kms[ETH_ADDRESS_SIZE], guint8 out[ETH_ADDRESS_SIZE],
                         GError **error) {
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(EVENT, strlen(EVENT), digest);
  g_autofree char *digits = hex_encode(digest, sizeof digest), *topic = g_strconcat("0x", digits, NULL);
  g_autofree char *kms_text = eth_address_format(kms);
  gsize i;
  json_t *log;
  json_array_foreach(json_object_get(receipt, "logs"), i, log) {
    if (!is_creation(log, topic, kms_text))
      continue;
    g_autoptr(GBytes) word = eth_rpc_result_bytes(json_array_get(json_object_get(log, "topics"), 1), "event", error);
    return word && eth_abi_get_address(word, 0, out, error);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "the transaction tells of no new app: is this a DstackKms contract?");
  return FALSE;
}

static gboolean create(const KmsContractOptions *options, guint8 app[ETH_ADDRESS_SIZE], GError **error) {
  guint8 kms[ETH_ADDRESS_SIZE], owner[ETH_ADDRESS_SIZE];
  g_auto(Wallet) wallet = {0};
  if (!wallet_kms_contract(kms, error) || !wallet_open_signing(&wallet, error))
    return FALSE;
  memcpy(owner, wallet.account.address, sizeof owner);
  if (options->owner && !eth_address_parse(options->owner, owner, "--owner", error))
    return FALSE;
  g_autoptr(GBytes) call = encode(options, owner, error);
  if (!call)
    return FALSE;
  g_autofree char *owner_text = eth_address_format(owner), *what = describe(options, owner_text);
  g_autoptr(json_t) receipt = wallet_send(&wallet, kms, call, what, error);
  return receipt && find_app(receipt, kms, app, error);
}

int kms_contract_create_app(const KmsContractOptions *options) {
  GError *error = NULL;
  guint8 app[ETH_ADDRESS_SIZE];
  if (!create(options, app, &error))
    return cli_fail(error);
  g_autofree char *address = eth_address_format(app), *id = hex_encode(app, sizeof app);
  if (cli_options.json)
    printf("{\"contract\":\"%s\",\"appId\":\"%s\"}\n", address, id);
  else
    printf("App contract:  %s\nApp id:        %s\n", address, id);
  return CLI_DONE;
}
