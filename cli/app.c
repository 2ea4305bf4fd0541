#include "cli/cli.h"
#include "cli/contract_change.h"
#include "cli/contract_deploy.h"
#include "cli/contract_show.h"
#include "cli/wallet.h"
#include "eth/address.h"

#include <string.h>

static const ContractChange changes[] = {
    {"add-hash", "addComposeHash(bytes32)", VALUE_HASH, "HASH", "allow the compose file"},
    {"remove-hash", "removeComposeHash(bytes32)", VALUE_HASH, "HASH", "withdraw the compose file"},
    {"add-device", "addDevice(bytes32)", VALUE_HASH, "DEVICE", "allow the device"},
    {"remove-device", "removeDevice(bytes32)", VALUE_HASH, "DEVICE", "withdraw the device"},
    {"any-device", "setAllowAnyDevice(bool)", VALUE_SWITCH, "on|off", "turn running on any device"},
    {"require-tcb", "setRequireTcbUpToDate(bool)", VALUE_SWITCH, "on|off", "turn the demand for an up-to-date TCB"},
    {"disable-upgrades", "disableUpgrades()", VALUE_NONE, NULL,
     "keep the contract's implementation for ever (no way back)"},
    {"transfer-ownership", "transferOwnership(address)", VALUE_ADDRESS, "ACCOUNT", "offer the ownership to"},
    {"accept-ownership", "acceptOwnership()", VALUE_NONE, NULL, "accept the ownership offered"},
};

static const char teach[] =
    "Which code, on which devices, may have an app's keys: the app's own contract, whose address is the app's id.\n\n"
    "  show                               what it says now\n"
    "  upgrade                            put a new implementation behind its proxy\n%s\n"
    "  export ETH_RPC_URL=http://127.0.0.1:8545\n"
    "  dstack app add-hash --app 32467b... --key-file owner.key 3f2a...\n\n"
    "`dstack kms create-app` makes the contract. `dstack deploy --dry-run` prints a compose file's hash: allow it\n"
    "before you deploy or update the app. Withdrawing stops no running instance; its next request for keys is\n"
    "refused. Each change tells what it does and costs, and asks, before it is signed.";

typedef struct {
  char *app, *contracts, *implementation;
} AppOptions;

static int run(const char *verb, int argc, char **argv, const AppOptions *options) {
  const ContractChange *change = contract_change_find(changes, G_N_ELEMENTS(changes), verb);
  gboolean show = strcmp(verb, "show") == 0 && argc == 0, upgrade = strcmp(verb, "upgrade") == 0 && argc == 0;
  if (!change && !show && !upgrade)
    return cli_usage("unknown verb '%s'", verb);
  if (!options->app)
    return cli_usage("name the app: --app APP-ID");
  GError *error = NULL;
  guint8 app[ETH_ADDRESS_SIZE];
  if (!eth_address_parse(options->app, app, "--app", &error))
    return cli_fail(error);
  if (upgrade)
    return contract_upgrade(app, "DstackApp", options->contracts, options->implementation);
  return show ? contract_show_app(app) : contract_change_run(change, app, argc, argv);
}

int cli_app(int argc, char **argv) {
  AppOptions options = {0};
  const GOptionEntry own[] = {
      {"app", 'a', 0, G_OPTION_ARG_STRING, &options.app, "the app's contract, which is its id", "APP-ID"},
      {"contracts", 0, 0, G_OPTION_ARG_FILENAME, &options.contracts,
       "upgrade: compiled contracts (kms/auth-eth/build/forge)", "DIR"},
      {"implementation", 0, 0, G_OPTION_ARG_STRING, &options.implementation, "upgrade: use this DstackApp", "ADDRESS"},
      {NULL}};
  g_autofree GOptionEntry *entries = wallet_entries(own);
  g_autofree char *help = contract_change_help(changes, G_N_ELEMENTS(changes));
  g_autofree char *text = g_strdup_printf(teach, help);
  if (!cli_parse(&argc, &argv, entries, "VERB ...", text))
    return CLI_USAGE;
  int status = argc > 1 ? run(argv[1], argc - 2, argv + 2, &options) : cli_usage("expected a verb");
  g_free(options.app);
  g_free(options.contracts);
  g_free(options.implementation);
  return status;
}
