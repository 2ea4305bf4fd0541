#include "cli/deploy_options.h"

#include "cli/cli.h"

#define DEFAULT_TIMEOUT_S 300

static const char teach[] =
    "Creates a VM that runs a docker-compose app, and starts it.\n\n"
    "  dstack deploy docker-compose.yaml -n web --port 8080:80 --wait\n"
    "  dstack deploy docker-compose.yaml -n web --kms --gateway --env-file secrets.env --kms-signer 02ab...\n"
    "  dstack deploy app-compose.json -n web      an app-compose.json is taken as it is, byte for byte\n\n"
    "Variables of --env-file are encrypted here, to a key of the KMS whose signature is checked first: they leave this machine\n"
    "only as ciphertext that the attested app can read.\n\n"
    "Ports: HOST:VM, PROTO:HOST:VM or PROTO:ADDRESS:HOST:VM. Sizes: 2048 or 2G of memory, 20 or 1T of disk.";

void deploy_options_clear(DeployOptions *options) {
  char *strings[] = {options->compose_path, options->name,        options->image, options->memory,
                     options->disk,         options->user_config, options->app_id, options->kms_encrypt_url};
  for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
    g_free(strings[i]);
  char **lists[] = {options->ports, options->kms_urls, options->gateway_urls, options->kms_signers};
  for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
    g_strfreev(lists[i]);
  compose_options_clear(&options->compose);
}

static gboolean parse(DeployOptions *options, int *argc, char ***argv) {
  const GOptionEntry own[] = {
      {"compose", 'c', 0, G_OPTION_ARG_FILENAME, &options->compose_path, "docker-compose file or app-compose.json", "FILE"},
      {"name", 'n', 0, G_OPTION_ARG_STRING, &options->name, "name of the VM and the app (app)", "NAME"},
      {"image", 0, 0, G_OPTION_ARG_STRING, &options->image, "guest image; needed when the VMM has several", "IMAGE"},
      {"vcpu", 0, 0, G_OPTION_ARG_INT, &options->vcpu, "virtual processors (1)", "N"},
      {"memory", 0, 0, G_OPTION_ARG_STRING, &options->memory, "memory (1G)", "SIZE"},
      {"disk", 0, 0, G_OPTION_ARG_STRING, &options->disk, "data disk (20G)", "SIZE"},
      {"port", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &options->ports, "forward a port of the host; repeatable", "SPEC"},
      {"user-config", 0, 0, G_OPTION_ARG_FILENAME, &options->user_config, "a file for the app, not measured", "FILE"},
      {"app-id", 0, 0, G_OPTION_ARG_STRING, &options->app_id, "app id, when the KMS knows the app by one", "HEX"},
      {"kms-url", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->kms_urls, "KMS for the guest; repeatable", "URL"},
      {"gateway-url", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->gateway_urls, "gateway for the guest; repeatable", "URL"},
      {"kms-signer", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->kms_signers, "trust this KMS root key; repeatable", "HEX"},
      {"kms-encrypt-url", 0, 0, G_OPTION_ARG_STRING, &options->kms_encrypt_url,
       "KMS to ask for the encryption key (the first --kms-url, else the VMM's)", "URL"},
      {"require-dated-key", 0, 0, G_OPTION_ARG_NONE, &options->require_dated_key,
       "refuse an encryption key whose signature carries no date", NULL},
      {"stopped", 0, 0, G_OPTION_ARG_NONE, &options->stopped, "do not start it", NULL},
      {"wait", 'w', 0, G_OPTION_ARG_NONE, &options->wait, "show the boot and wait until the app is up", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &options->timeout_s, "give up waiting after (300)", "SECONDS"},
      {"dry-run", 0, 0, G_OPTION_ARG_NONE, &options->dry_run, "print the app-compose.json and its hash only", NULL},
      {"pin-numa", 0, 0, G_OPTION_ARG_NONE, &options->pin_numa, "pin the VM to a NUMA node", NULL},
      {"hugepages", 0, 0, G_OPTION_ARG_NONE, &options->hugepages, "back its memory by huge pages", NULL},
      {NULL}};
  g_autofree GOptionEntry *entries = compose_options_entries(&options->compose, own);
  return cli_parse(argc, argv, entries, "[COMPOSE]", teach);
}

gboolean deploy_options_parse(DeployOptions *options, int argc, char **argv) {
  *options = (DeployOptions){.vcpu = 1, .timeout_s = DEFAULT_TIMEOUT_S};
  if (!parse(options, &argc, &argv))
    return FALSE;
  if (argc == 2 && !options->compose_path)
    options->compose_path = g_strdup(argv[1]);
  else if (argc != 1 || !options->compose_path)
    return cli_usage("expected one compose file") == CLI_DONE;
  if (options->vcpu < 1 || options->timeout_s < 1)
    return cli_usage("--vcpu and --timeout: expected a number from 1 on") == CLI_DONE;
  if (options->wait && options->stopped)
    return cli_usage("--wait and --stopped exclude each other") == CLI_DONE;
  if (!options->name)
    options->name = g_strdup("app");
  return TRUE;
}
