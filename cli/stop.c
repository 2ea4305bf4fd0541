#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>

static const char teach[] = "Asks the guest to stop its app and power off. With --force the VM is killed at once, as by pulling its\n"
                            "plug; use that when the guest does not answer.";

int cli_stop(int argc, char **argv) {
  gboolean force = FALSE;
  const GOptionEntry entries[] = {{"force", 'f', 0, G_OPTION_ARG_NONE, &force, "kill it", NULL}, {NULL}};
  if (!cli_parse(&argc, &argv, entries, "VM", teach))
    return CLI_USAGE;
  if (argc != 2)
    return cli_usage("expected the name or id of one VM");
  GError *error = NULL;
  g_autofree char *id = cli_find_vm(argv[1], &error);
  if (!id)
    return cli_fail(error);
  if (!cli_call_id(force ? "StopVm" : "ShutdownVm", id, &error)) {
    if (!force)
      g_prefix_error(&error, "the guest can not be asked (see --force): ");
    return cli_fail(error);
  }
  if (cli_options.json)
    printf("{\"vmId\": \"%s\"}\n", id);
  else
    printf("%s VM %s\n", force ? "Forcefully stopped" : "Gracefully shutting down", id);
  return CLI_DONE;
}
