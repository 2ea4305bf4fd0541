#include "cli/contract_deploy.h"

#include "cli/cli.h"
#include "cli/contract_code.h"
#include "eth/address.h"

#include <stdio.h>

gboolean contract_deploy(Wallet *wallet, GBytes *code, const char *what, guint8 out[ETH_ADDRESS_SIZE], GError **error) {
  g_autoptr(json_t) receipt = wallet_send(wallet, NULL, code, what, error);
  if (!receipt)
    return FALSE;
  const char *text = json_string_value(json_object_get(receipt, "contractAddress"));
  return eth_address_parse(text ? text : "", out, "the node's receipt", error);
}

gboolean contract_deploy_named(Wallet *wallet, const char *dir, const char *name, guint8 out[ETH_ADDRESS_SIZE],
                               GError **error) {
  g_autoptr(GBytes) code = contract_code_load(dir, name, error);
  g_autofree char *what = g_strdup_printf("deploy the implementation of %s", name);
  return code && contract_deploy(wallet, code, what, out, error);
}

static GBytes *upgrade_call(const guint8 implementation[ETH_ADDRESS_SIZE]) {
  GByteArray *call = g_byte_array_new();
  eth_abi_add_selector(call, "upgradeToAndCall(address,bytes)");
  eth_abi_add_address(call, implementation);
  eth_abi_add_uint(call, 2 * ETH_WORD_SIZE);
  eth_abi_add_bytes(call, NULL, 0);
  return g_byte_array_free_to_bytes(call);
}

static gboolean upgrade(const guint8 proxy[ETH_ADDRESS_SIZE], const char *name, const char *dir, const char *text,
                        guint8 implementation[ETH_ADDRESS_SIZE], GError **error) {
  g_auto(Wallet) wallet = {0};
  if (!wallet_open_signing(&wallet, error))
    return FALSE;
  gboolean ready = text ? eth_address_parse(text, implementation, "--implementation", error)
                        : contract_deploy_named(&wallet, dir, name, implementation, error);
  if (!ready)
    return FALSE;
  g_autofree char *address = eth_address_format(implementation);
  g_autofree char *what = g_strdup_printf("replace the rules of the contract by those of the %s at %s", name, address);
  g_autoptr(GBytes) call = upgrade_call(implementation);
  g_autoptr(json_t) receipt = wallet_send(&wallet, proxy, call, what, error);
  return receipt != NULL;
}

int contract_upgrade(const guint8 proxy[ETH_ADDRESS_SIZE], const char *name, const char *dir,
                     const char *implementation) {
  GError *error = NULL;
  guint8 address[ETH_ADDRESS_SIZE];
  if (!upgrade(proxy, name, dir, implementation, address, &error))
    return cli_fail(error);
  g_autofree char *text = eth_address_format(address);
  printf(cli_options.json ? "{\"implementation\":\"%s\"}\n" : "Implementation:  %s\n", text);
  return CLI_DONE;
}
