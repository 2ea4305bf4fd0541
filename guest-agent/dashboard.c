#include "guest-agent/dashboard.h"

#include "base/hex.h"
#include "base/log.h"
#include "guest-agent/containers.h"
#include "guest-agent/docker.h"
#include "guest-agent/html.h"
#include "guest-agent/info.h"
#include "guest-agent/logs.h"
#include "guest-agent/system_info.h"

#include <string.h>

#define LOGS_QUERY "?text&bare&timestamps&follow&tail=20"

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>dstack app</title>\n<style>\n"
    "body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: "
    "#1b1f24; }\n"
    "h2 { border-bottom: 1px solid #d0d7de; padding-bottom: .2rem; margin-top: 2rem; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; overflow-wrap: anywhere; }\n"
    "th { width: 12rem; font-weight: 600; }\n"
    "textarea { width: 100%; height: 24rem; font: 12px/1.4 monospace; }\n"
    "</style>\n</head>\n<body>\n";

static void row(GString *out, const char *label, const char *value) {
  g_string_append_printf(out, "<tr><th>%s</th><td>", label);
  html_append(out, value);
  g_string_append(out, "</td></tr>\n");
}

static void hex_row(GString *out, const char *label, const ProtobufCBinaryData *value) {
  g_autofree char *hex = hex_encode(value->data, value->len);
  row(out, label, hex);
}

static void append_node(GString *out, const DstackGuest__AppInfo *info) {
  g_autofree char *machine = g_strstrip(g_strdup_printf("%s %s", info->cloud_vendor, info->cloud_product));
  row(out, "App Name", info->app_name);
  hex_row(out, "App ID", &info->app_id);
  hex_row(out, "Instance ID", &info->instance_id);
  hex_row(out, "Device ID", &info->device_id);
  row(out, "Key Provider Info", info->key_provider_info);
  if (*machine)
    row(out, "Machine Provider", machine);
}

static void usage_row(GString *out, const char *label, guint64 used, guint64 total) {
  g_autofree char *used_text = html_size(used), *total_text = html_size(total);
  g_autofree char *text = g_strdup_printf("%s of %s used", used_text, total_text);
  row(out, label, text);
}

static void append_disk(GString *out, const GuestApi__DiskInfo *disk) {
  g_autofree char *free_text = html_size(disk->free_size), *total_text = html_size(disk->total_size);
  g_autofree char *text =
      g_strdup_printf("%s on %s: %s of %s free", disk->name, disk->mount_point, free_text, total_text);
  row(out, "Disk", text);
}

static void append_system(GString *out, const GuestApi__SystemInfo *system) {
  g_autofree char *os = g_strdup_printf("%s %s", system->os_name, system->os_version);
  g_autofree char *cpu = g_strdup_printf("%s, %u cores", system->cpu_model, system->num_cpus);
  g_autofree char *load = g_strdup_printf("%.2f %.2f %.2f", system->loadavg_one / 100.0, system->loadavg_five / 100.0,
                                          system->loadavg_fifteen / 100.0);
  g_autofree char *uptime = g_strdup_printf("%" G_GUINT64_FORMAT " seconds", system->uptime);
  row(out, "OS", os);
  row(out, "Kernel", system->kernel_version);
  row(out, "CPU", cpu);
  usage_row(out, "Memory", system->used_memory, system->total_memory);
  usage_row(out, "Swap", system->used_swap, system->total_swap);
  row(out, "Load Average", load);
  row(out, "Uptime", uptime);
  for (gsize i = 0; i < system->n_disks; i++)
    append_disk(out, system->disks[i]);
}

static const char *container_name(const GuestApi__Container *container) {
  const char *name = container->n_names ? container->names[0] : "";
  return *name == '/' ? name + 1 : name;
}

static void append_container(GString *out, const GuestApi__Container *container, gboolean public_logs) {
  const char *name = container_name(container);
  g_string_append(out, "<tr><td>");
  html_append(out, name);
  g_string_append(out, "</td><td>");
  html_append(out, container->status);
  g_string_append(out, "</td>");
  if (public_logs && docker_name_ok(name))
    g_string_append_printf(out, "<td><a href=\"" LOGS_PATH "%s" LOGS_QUERY "\">logs</a></td>", name);
  g_string_append(out, "</tr>\n");
}

static void append_containers(GString *out, const Dashboard *dashboard) {
  g_string_append(out, "<table>\n<tr><th>Name</th><th>Status</th></tr>\n");
  for (gsize i = 0; i < dashboard->containers->n_containers; i++)
    append_container(out, dashboard->containers->containers[i], dashboard->public_logs);
  g_string_append(out, "</table>\n");
}

static void append_tcb_info(GString *out, const Dashboard *dashboard) {
  if (!dashboard->public_tcbinfo) {
    g_string_append(out, "<p>TCB info is not public for this app.</p>\n");
    return;
  }
  g_string_append(out, "<textarea readonly aria-label=\"TCB info\">");
  html_append(out, dashboard->info->tcb_info);
  g_string_append(out, "</textarea>\n");
}

char *dashboard_html(const Dashboard *dashboard) {
  GString *out = g_string_new(page_head);
  g_string_append(out, "<h1>");
  html_append(out, dashboard->info->app_name);
  g_string_append(out, "</h1>\n<h2>Node Information</h2>\n<table>\n");
  append_node(out, dashboard->info);
  if (dashboard->system)
    append_system(out, dashboard->system);
  g_string_append(out, "</table>\n<h2>Deployed Containers</h2>\n");
  append_containers(out, dashboard);
  g_string_append(out, "<h2>TCB Info</h2>\n");
  append_tcb_info(out, dashboard);
  g_string_append(out, "</body>\n</html>\n");
  return g_string_free(out, FALSE);
}

static void answer_failure(PrpcHttpRequest *request, const GError *error) {
  log_warn("failed to show the dashboard: %s", error->message);
  prpc_http_reply(request, 500, "text/plain; charset=utf-8", error->message, strlen(error->message), NULL);
}

void dashboard_route(PrpcHttpRequest *request, gpointer data) {
  Agent *agent = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) info = prpc_message_new(&dstack_guest__app_info__descriptor);
  g_autoptr(PrpcMessage) system = prpc_message_new(&guest_api__system_info__descriptor);
  g_autoptr(PrpcMessage) containers = prpc_message_new(&guest_api__list_containers_response__descriptor);
  if (!info_fill(agent, TRUE, (DstackGuest__AppInfo *)info, &error)) {
    answer_failure(request, error);
    return;
  }
  if (!containers_list((GuestApi__ListContainersResponse *)containers, &error))
    log_info("%s", error->message); /* the page shows none */
  if (agent->compose->public_sysinfo)
    system_info_fill(agent->data_disks, (GuestApi__SystemInfo *)system);
  Dashboard dashboard = {.info = (const DstackGuest__AppInfo *)info,
                         .system = agent->compose->public_sysinfo ? (const GuestApi__SystemInfo *)system : NULL,
                         .containers = (const GuestApi__ListContainersResponse *)containers,
                         .public_logs = agent->compose->public_logs,
                         .public_tcbinfo = agent->compose->public_tcbinfo};
  g_autofree char *html = dashboard_html(&dashboard);
  prpc_http_reply(request, 200, "text/html; charset=utf-8", html, strlen(html), NULL);
}
