#include "cli/boot_watch.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>

#define DEFAULT_TIMEOUT_S 300

static const char teach[] = "Starts a VM that is stopped or ended. One that runs stays as it is.";

static gboolean last_event(const char *id, guint64 *out, GError **error) {
  Vmm__GetInfoResponse *response = cli_get_info(id, error);
  if (!response)
    return FALSE;
  *out = boot_watch_last_event(response->info);
  prpc_message_free(&response->base);
  return TRUE;
}

int cli_start(int argc, char **argv) {
  gboolean wait = FALSE;
  gint timeout_s = DEFAULT_TIMEOUT_S;
  const GOptionEntry entries[] = {{"wait", 'w', 0, G_OPTION_ARG_NONE, &wait, "wait until the app is up", NULL},
                                  {"timeout", 0, 0, G_OPTION_ARG_INT, &timeout_s, "give up waiting after (300)", "SECONDS"},
                                  {NULL}};
  if (!cli_parse(&argc, &argv, entries, "VM", teach))
    return CLI_USAGE;
  if (argc != 2 || timeout_s <= 0)
    return cli_usage("expected the name or id of one VM, and a time of at least one second");
  GError *error = NULL;
  double seconds = 0;
  g_autofree char *id = cli_find_vm(argv[1], &error);
  guint64 since;
  if (!id || !last_event(id, &since, &error) || !cli_call_id("StartVm", id, &error))
    return cli_fail(error);
  if (!cli_options.json)
    printf("Started VM %s\n", id);
  if (wait && !boot_watch(id, since, (guint)timeout_s, !cli_options.json, &seconds, &error))
    return cli_fail(error);
  if (cli_options.json)
    printf("{\"vmId\": \"%s\"}\n", id);
  return CLI_DONE;
}
