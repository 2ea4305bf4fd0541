#include "cli/kms_contract.h"

#include "base/error.h"
#include "cli/cli.h"
#include "cli/contract_code.h"
#include "cli/contract_deploy.h"
#include "eth/address.h"

#include <stdio.h>
#include <string.h>

/* The proxy's code, then its constructor's arguments: the implementation, and the call that sets the proxy up. */
static GBytes *proxy_code(const char *dir, const guint8 implementation[ETH_ADDRESS_SIZE],
                          const guint8 owner[ETH_ADDRESS_SIZE], const guint8 app_implementation[ETH_ADDRESS_SIZE],
                          GError **error) {
  g_autoptr(GBytes) code = contract_code_load(dir, "ERC1967Proxy", error);
  if (!code)
    return NULL;
  g_autoptr(GByteArray) set_up = g_byte_array_new();
  eth_abi_add_selector(set_up, "initialize(address,address)");
  eth_abi_add_address(set_up, owner);
  eth_abi_add_address(set_up, app_implementation);
  gsize len;
  const void *data = g_bytes_get_data(code, &len);
  GByteArray *all = g_byte_array_new();
  g_byte_array_append(all, data, (guint)len);
  eth_abi_add_address(all, implementation);
  eth_abi_add_uint(all, 2 * ETH_WORD_SIZE);
  eth_abi_add_bytes(all, set_up->data, set_up->len);
  return g_byte_array_free_to_bytes(all);
}

typedef struct {
  guint8 proxy[ETH_ADDRESS_SIZE], kms_implementation[ETH_ADDRESS_SIZE], app_implementation[ETH_ADDRESS_SIZE];
} Deployed;

static gboolean deploy_all(const KmsContractOptions *options, Deployed *out, GError **error) {
  g_auto(Wallet) wallet = {0};
  if (!wallet_open_signing(&wallet, error))
    return FALSE;
  gboolean ready =
      options->app_implementation
          ? eth_address_parse(options->app_implementation, out->app_implementation, "--app-implementation", error)
          : contract_deploy_named(&wallet, options->contracts, "DstackApp", out->app_implementation, error);
  if (!ready || !contract_deploy_named(&wallet, options->contracts, "DstackKms", out->kms_implementation, error))
    return FALSE;
  g_autoptr(GBytes) code =
      proxy_code(options->contracts, out->kms_implementation, wallet.account.address, out->app_implementation, error);
  return code && contract_deploy(&wallet, code, "deploy the DstackKms proxy, owned by the signer", out->proxy, error);
}

int kms_contract_deploy(const KmsContractOptions *options) {
  GError *error = NULL;
  Deployed deployed;
  if (!deploy_all(options, &deployed, &error))
    return cli_fail(error);
  g_autofree char *proxy = eth_address_format(deployed.proxy);
  g_autofree char *kms = eth_address_format(deployed.kms_implementation),
                  *app = eth_address_format(deployed.app_implementation);
  if (cli_options.json) {
    g_autoptr(json_t) answer =
        json_pack("{s:s,s:s,s:s}", "kmsContract", proxy, "kmsImplementation", kms, "appImplementation", app);
    g_autofree char *text = json_print(answer);
    puts(text);
  } else {
    printf("DstackKms proxy:           %s\nDstackKms implementation:  %s\nDstackApp implementation:  %s\n\n"
           "Name it to all that needs it:  export KMS_CONTRACT_ADDR=%s\n",
           proxy, kms, app, proxy);
  }
  return CLI_DONE;
}
