#include "cli/cli.h"
#include "cli/contract_change.h"
#include "cli/contract_deploy.h"
#include "cli/contract_show.h"
#include "cli/kms_contract.h"
#include "cli/kms_trust.h"
#include "cli/wallet.h"

#include <string.h>

static const ContractChange changes[] = {
    {"add-image", "addOsImageHash(bytes32)", VALUE_HASH, "HASH", "allow the guest image"},
    {"remove-image", "removeOsImageHash(bytes32)", VALUE_HASH, "HASH", "withdraw the guest image"},
    {"add-mr", "addKmsAggregatedMr(bytes32)", VALUE_HASH, "MR", "allow KMS instances with the aggregated measurement"},
    {"remove-mr", "removeKmsAggregatedMr(bytes32)", VALUE_HASH, "MR",
     "withdraw KMS instances with the aggregated measurement"},
    {"add-device", "addKmsDevice(bytes32)", VALUE_HASH, "DEVICE", "allow KMS instances on the device"},
    {"remove-device", "removeKmsDevice(bytes32)", VALUE_HASH, "DEVICE", "withdraw KMS instances on the device"},
    {"set-gateway", "setGatewayAppId(string)", VALUE_TEXT, "APP-ID", "let guests accept the gateway of app"},
    {"register-app", "registerApp(address)", VALUE_ADDRESS, "CONTRACT", "register the app contract"},
    {"set-app-implementation", "setAppImplementation(address)", VALUE_ADDRESS, "CONTRACT",
     "make new apps with the implementation"},
    {"transfer-ownership", "transferOwnership(address)", VALUE_ADDRESS, "ACCOUNT", "offer the ownership to"},
    {"accept-ownership", "acceptOwnership()", VALUE_NONE, NULL, "accept the ownership offered"},
};

static const char teach[] =
    "Which KMS you trust, and what its cluster's contract allows.\n\n"
    "Keys you trust (~/.dstack-vmm/kms-whitelist.json): `dstack deploy` encrypts environment variables only to a key\n"
    "that one of them signed. A KMS prints its root key when it is bootstrapped.\n"
    "  list, add KEY, remove KEY\n\n"
    "The cluster's contract, DstackKms:\n"
    "  show                               what it says now\n"
    "  deploy                             deploy the contracts\n"
    "  upgrade                            put a new implementation behind the contract's proxy\n"
    "  create-app                         create and register an app's contract\n"
    "  set-info FILE                      publish what the KMS's onboarding page printed\n%s\n"
    "  export ETH_RPC_URL=http://127.0.0.1:8545 KMS_CONTRACT_ADDR=0x...\n"
    "  dstack kms create-app --key-file owner.key --any-device --compose-hash 3f2a...\n"
    "  dstack kms add-image --key-file owner.key 64f0...\n\n"
    "Each change tells what it does and costs, and asks, before it is signed. Keys come from a file or the\n"
    "environment, never from the command line. docs/governance.md walks through all of it.";

static int change_kms(const char *verb, int argc, char **argv) {
  const ContractChange *change = contract_change_find(changes, G_N_ELEMENTS(changes), verb);
  if (!change)
    return cli_usage("unknown verb '%s'", verb);
  GError *error = NULL;
  guint8 kms[ETH_ADDRESS_SIZE];
  if (!wallet_kms_contract(kms, &error))
    return cli_fail(error);
  return contract_change_run(change, kms, argc, argv);
}

static int upgrade_kms(const KmsContractOptions *options) {
  GError *error = NULL;
  guint8 kms[ETH_ADDRESS_SIZE];
  if (!wallet_kms_contract(kms, &error))
    return cli_fail(error);
  return contract_upgrade(kms, "DstackKms", options->contracts, options->implementation);
}

static int run(const char *verb, int argc, char **argv, const KmsContractOptions *options) {
  if (strcmp(verb, "list") == 0 || strcmp(verb, "add") == 0 || strcmp(verb, "remove") == 0)
    return kms_trust(verb, argc, argv);
  if (strcmp(verb, "set-info") == 0)
    return argc == 1 ? kms_contract_set_info(argv[0]) : cli_usage("expected set-info FILE");
  gboolean alone = argc == 0;
  if (strcmp(verb, "show") == 0 && alone)
    return contract_show_kms();
  if (strcmp(verb, "deploy") == 0 && alone)
    return kms_contract_deploy(options);
  if (strcmp(verb, "upgrade") == 0 && alone)
    return upgrade_kms(options);
  if (strcmp(verb, "create-app") == 0 && alone)
    return kms_contract_create_app(options);
  return change_kms(verb, argc, argv);
}

int cli_kms(int argc, char **argv) {
  KmsContractOptions options = {0};
  const GOptionEntry own[] = {
      {"contracts", 0, 0, G_OPTION_ARG_FILENAME, &options.contracts,
       "deploy, upgrade: compiled contracts (kms/auth-eth/build/forge)", "DIR"},
      {"implementation", 0, 0, G_OPTION_ARG_STRING, &options.implementation, "upgrade: use this DstackKms", "ADDRESS"},
      {"app-implementation", 0, 0, G_OPTION_ARG_STRING, &options.app_implementation, "deploy: use this DstackApp",
       "ADDRESS"},
      {"owner", 0, 0, G_OPTION_ARG_STRING, &options.owner, "create-app: who governs the app (the signer)", "ADDRESS"},
      {"device", 0, 0, G_OPTION_ARG_STRING, &options.device, "create-app: a device to allow", "HASH"},
      {"compose-hash", 0, 0, G_OPTION_ARG_STRING, &options.compose_hash, "create-app: a compose file to allow", "HASH"},
      {"any-device", 0, 0, G_OPTION_ARG_NONE, &options.any_device, "create-app: any device may run the app", NULL},
      {"require-tcb", 0, 0, G_OPTION_ARG_NONE, &options.require_tcb,
       "create-app: only platforms whose TCB is up to date", NULL},
      {"disable-upgrades", 0, 0, G_OPTION_ARG_NONE, &options.disable_upgrades,
       "create-app: never replace the implementation", NULL},
      {NULL}};
  g_autofree GOptionEntry *entries = wallet_entries(own);
  g_autofree char *help = contract_change_help(changes, G_N_ELEMENTS(changes));
  g_autofree char *text = g_strdup_printf(teach, help);
  if (!cli_parse(&argc, &argv, entries, "VERB ...", text))
    return CLI_USAGE;
  int status = argc > 1 ? run(argv[1], argc - 2, argv + 2, &options) : cli_usage("expected a verb");
  char *strings[] = {options.contracts, options.implementation, options.app_implementation,
                     options.owner,     options.device,         options.compose_hash};
  for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
    g_free(strings[i]);
  return status;
}
