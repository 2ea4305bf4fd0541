#include "cli/cli.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/terminal.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static const char teach[] = "Lists the virtual machines of a VMM, the oldest first.\n\n"
                            "  dstack list -v          with sizes and images\n"
                            "  dstack list --json      as a JSON array";

static const char *const brief_columns[] = {"VM ID", "App ID", "Name", "Status", "Uptime", NULL};
static const char *const verbose_columns[] = {"VM ID", "App ID", "Name", "Status", "Uptime", "Instance ID",
                                              "vCPU", "Memory", "Disk", "Image", "GPUs", NULL};

static char *gpus_text(const Vmm__GpuConfig *gpus) {
  if (gpus && strcmp(gpus->attach_mode, "all") == 0)
    return g_strdup("All GPUs");
  GString *text = g_string_new(NULL);
  for (gsize i = 0; gpus && i < gpus->n_gpus; i++)
    g_string_append_printf(text, "%s%s", i ? ", " : "", gpus->gpus[i]->slot);
  return g_string_free(text, FALSE);
}

static void add_row(Table *table, const Vmm__VmInfo *vm) {
  const Vmm__VmConfiguration *configuration = vm->configuration;
  g_autofree char *vcpu = configuration ? g_strdup_printf("%u", configuration->vcpu) : NULL;
  g_autofree char *memory = configuration ? g_strdup_printf("%uMB", configuration->memory) : NULL;
  g_autofree char *disk = configuration ? g_strdup_printf("%uGB", configuration->disk_size) : NULL;
  g_autofree char *gpus = configuration ? gpus_text(configuration->gpus) : NULL;
  g_autofree char *uptime = terminal_safe(vm->uptime), *name = terminal_safe(vm->name);
  const char *instance = prpc_has_optional(&vm->base, "instance_id") ? vm->instance_id : NULL;
  const char *const cells[] = {vm->id, vm->app_id, name, vm->status, uptime, instance,
                               vcpu,   memory,     disk, configuration ? configuration->image : NULL, gpus};
  table_add(table, cells);
}

static void print_json(const Vmm__StatusResponse *status) {
  g_autoptr(json_t) list = json_array();
  for (gsize i = 0; i < status->n_vms; i++) {
    g_autofree char *text = prpc_message_to_json(&status->vms[i]->base);
    json_array_append_new(list, json_parse(text, strlen(text), "vm", NULL));
  }
  char *pretty = json_dumps(list, JSON_INDENT(2));
  puts(pretty);
  free(pretty);
}

/* Statuses get their colours in the finished table: escape sequences have no width. */
static void print_table(const Table *table) {
  static const char *const statuses[] = {"running", "exited", "stopping", "stopped", "removing"};
  g_autofree char *text = table_text(table);
  g_autoptr(GString) out = g_string_new(text);
  for (guint i = 0; i < G_N_ELEMENTS(statuses) && terminal_has_colour(stdout); i++) {
    g_autofree char *plain = g_strdup_printf("│ %s ", statuses[i]), *colour = terminal_status(statuses[i], TRUE);
    g_autofree char *coloured = g_strdup_printf("│ %s ", colour);
    g_string_replace(out, plain, coloured, 0);
  }
  fputs(out->str, stdout);
}

int cli_list(int argc, char **argv) {
  gboolean verbose = FALSE;
  const GOptionEntry entries[] = {{"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "show sizes, images, instances", NULL}, {NULL}};
  if (!cli_parse(&argc, &argv, entries, "", teach))
    return CLI_USAGE;
  if (argc > 1)
    return cli_usage("unexpected argument '%s'", argv[1]);
  GError *error = NULL;
  Vmm__StatusRequest request = VMM__STATUS_REQUEST__INIT;
  request.brief = !verbose && !cli_options.json;
  g_autoptr(PrpcMessage) message = cli_call("Status", &request.base, &vmm__status_response__descriptor, &error);
  if (!message)
    return cli_fail(error);
  const Vmm__StatusResponse *status = (const Vmm__StatusResponse *)message;
  if (cli_options.json) {
    print_json(status);
    return CLI_DONE;
  }
  if (status->n_vms == 0) {
    puts("No VMs found");
    return CLI_DONE;
  }
  g_autoptr(Table) table = table_new(verbose ? verbose_columns : brief_columns);
  for (gsize i = 0; i < status->n_vms; i++)
    add_row(table, status->vms[i]);
  print_table(table);
  return CLI_DONE;
}
