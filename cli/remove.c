#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>

static const char teach[] = "Removes a stopped VM and all its data. This can not be undone.\n"
                            "With --force a VM that still runs is killed first.";

int cli_remove(int argc, char **argv) {
  gboolean force = FALSE;
  const GOptionEntry entries[] = {{"force", 'f', 0, G_OPTION_ARG_NONE, &force, "also when it runs", NULL}, {NULL}};
  if (!cli_parse(&argc, &argv, entries, "VM", teach))
    return CLI_USAGE;
  if (argc != 2)
    return cli_usage("expected the name or id of one VM");
  GError *error = NULL;
  g_autofree char *id = cli_find_vm(argv[1], &error);
  if (!id || (force && !cli_call_id("StopVm", id, &error)) || !cli_call_id("RemoveVm", id, &error))
    return cli_fail(error);
  if (cli_options.json)
    printf("{\"vmId\": \"%s\"}\n", id);
  else
    printf("Removed VM %s\n", id);
  return CLI_DONE;
}
