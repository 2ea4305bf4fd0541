#include "cli/cli.h"
#include "cli/client.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>

#define MAX_EVENTS 10

static const char teach[] = "Shows everything about one VM: its state, its sizes, and what its guest reported while it booted.\n"
                            "VM is a name, an id, or the beginning of an id.";

static void print_line(const char *label, const char *text) {
  g_autofree char *safe = terminal_safe(text && *text ? text : "-");
  printf("%-15s %s\n", label, safe);
}

static void print_number(const char *label, guint number, const char *unit) { printf("%-15s %u%s\n", label, number, unit); }

static void print_optional(const Vmm__VmInfo *info, const char *field, const char *label, const char *text) {
  print_line(label, prpc_has_optional(&info->base, field) ? text : NULL);
}

static void print_if_any(const char *label, const char *text) {
  if (*text)
    print_line(label, text);
}

static void print_events(const Vmm__VmInfo *info) {
  gsize first = info->n_events > MAX_EVENTS ? info->n_events - MAX_EVENTS : 0;
  if (info->n_events > 0)
    puts("Events:");
  for (gsize i = first; i < info->n_events; i++) {
    g_autofree char *event = terminal_safe(info->events[i]->event), *body = terminal_safe(info->events[i]->body);
    printf("  [%s] %s (ts: %" G_GUINT64_FORMAT ")\n", event, body, (guint64)info->events[i]->timestamp);
  }
}

static void print_ports(const Vmm__VmConfiguration *configuration) {
  for (gsize i = 0; i < configuration->n_ports; i++) {
    const Vmm__PortMapping *port = configuration->ports[i];
    printf("%-15s %s %s:%u -> %u\n", i == 0 ? "Ports:" : "", port->protocol, port->host_address, port->host_port, port->vm_port);
  }
}

static void print_info(const Vmm__VmInfo *info) {
  g_autofree char *status = terminal_status(info->status, terminal_has_colour(stdout));
  print_line("VM ID:", info->id);
  print_line("Name:", info->name);
  printf("%-15s %s\n", "Status:", status);
  print_line("Uptime:", info->uptime);
  print_line("App ID:", info->app_id);
  print_optional(info, "instance_id", "Instance ID:", info->instance_id);
  print_optional(info, "app_url", "App URL:", info->app_url);
  if (info->configuration)
    print_line("Image:", info->configuration->image);
  print_line("Image Version:", info->image_version);
  if (info->configuration) {
    print_number("vCPU:", info->configuration->vcpu, "");
    print_number("Memory:", info->configuration->memory, "MB");
    print_number("Disk:", info->configuration->disk_size, "GB");
    print_ports(info->configuration);
  }
  print_line("Boot Progress:", info->boot_progress);
  print_if_any("Boot Error:", info->boot_error);
  if (strcmp(info->status, "running") != 0)
    print_optional(info, "exited_at", "Exited At:", info->exited_at);
  print_if_any("Shutdown:", info->shutdown_progress);
  print_events(info);
}

int cli_inspect(int argc, char **argv) {
  if (!cli_parse(&argc, &argv, NULL, "VM", teach))
    return CLI_USAGE;
  if (argc != 2)
    return cli_usage("expected the name or id of one VM");
  GError *error = NULL;
  g_autofree char *id = cli_find_vm(argv[1], &error);
  Vmm__GetInfoResponse *response = id ? cli_get_info(id, &error) : NULL;
  if (!response)
    return cli_fail(error);
  if (cli_options.json)
    cli_print_json(&response->info->base);
  else
    print_info(response->info);
  prpc_message_free(&response->base);
  return CLI_DONE;
}
