#include "vmm/console.h"

#include "vmm/address.h"
#include "vmm/ports.h"
#include "vmm/version.h"
#include "vmm/vm_info.h"

#include "prpc/message.h"

#include <string.h>

#define HTML_TYPE "text/html; charset=utf-8"

static const char page_head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>dstack-vmm</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\"><style>"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2330}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #dde1e8}"
    "th{color:#667}code{font-size:.85em}.running{color:#17803d}.exited,.error{color:#b3261e}.stopped{color:#667}"
    "footer{margin-top:2rem;color:#667}</style></head><body><h1>Virtual machines</h1>";

/* Everything that comes from a guest or a client passes through here. */
static void add_escaped(GString *page, const char *text) {
  g_autofree char *escaped = g_markup_escape_text(text, -1);
  g_string_append(page, escaped);
}

/* The ports of the app that this machine forwards. A port on every address is as well reached by this page's own. */
static void add_ports(GString *page, const GArray *ports) {
  for (guint i = 0; i < ports->len; i++) {
    const PortMap *map = &g_array_index(ports, PortMap, i);
    IpAddress ip;
    if (map->udp || !ip_parse(map->address, &ip))
      continue;
    const char *address = ip_is_unspecified(&ip) ? "127.0.0.1" : map->address;
    const char *format = strchr(address, ':') ? "<a href=\"http://[%s]:%u/\">app :%u</a> " : "<a href=\"http://%s:%u/\">app :%u</a> ";
    g_string_append_printf(page, format, address, map->from, map->to);
  }
}

static void add_links(GString *page, const Vmm__VmInfo *info, const GArray *ports) {
  add_ports(page, ports);
  if (prpc_has_optional(&info->base, "app_url")) {
    g_string_append(page, "<a href=\"");
    add_escaped(page, info->app_url);
    g_string_append(page, "\">dashboard</a> "); /* the guest agent's, through the gateway */
  }
  g_string_append_printf(page, "<a href=\"/logs?id=%s&amp;lines=200&amp;ansi=false\">log</a>", info->id);
}

static void add_row(GString *page, const Vmm__VmInfo *info, const GArray *ports) {
  gboolean running = strcmp(info->status, "running") == 0;
  g_string_append(page, "<tr><td>");
  add_escaped(page, info->name);
  g_string_append_printf(page, "<br><code>%s</code></td><td class=\"%s\">%s</td><td>", info->id, info->status, info->status);
  add_escaped(page, running ? info->boot_progress : info->shutdown_progress);
  if (*info->boot_error) {
    g_string_append(page, "<br><span class=\"error\">");
    add_escaped(page, info->boot_error);
    g_string_append(page, "</span>");
  }
  g_string_append(page, "</td><td>");
  add_escaped(page, running ? info->uptime : "-");
  g_string_append(page, "</td><td>");
  add_links(page, info, ports);
  g_string_append(page, "</td></tr>");
}

static void add_table(GString *page, Vmm *vmm, GHashTable *processes) {
  g_autoptr(GPtrArray) vms = vm_table_list(vmm->vms);
  if (vms->len == 0) {
    g_string_append(page, "<p>None yet. Deploy one with <code>dstack deploy</code>.</p>");
    return;
  }
  g_string_append(page, "<table><tr><th>Name</th><th>Status</th><th>Progress</th><th>Uptime</th><th></th></tr>");
  for (guint i = 0; i < vms->len; i++) {
    Vm *vm = vms->pdata[i];
    Vmm__VmInfo *info = vm_info_new(vmm, vm, g_hash_table_lookup(processes, vm->manifest->id), TRUE);
    add_row(page, info, vm->manifest->ports);
    prpc_message_free(&info->base);
  }
  g_string_append(page, "</table>");
}

void console_route(PrpcHttpRequest *request, gpointer user_data) {
  Vmm *vmm = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GHashTable) processes = supervisor_client_list(vmm->supervisor, &error);
  g_autoptr(GString) page = g_string_new(page_head);
  if (processes) {
    add_table(page, vmm, processes);
  } else {
    g_string_append(page, "<p class=\"error\">");
    add_escaped(page, error->message);
    g_string_append(page, "</p>");
  }
  g_string_append(page, "<footer>Version: v" DSTACK_VERSION " (" DSTACK_REVISION ")</footer></body></html>\n");
  prpc_http_reply(request, processes ? 200 : 503, HTML_TYPE, page->str, page->len, NULL);
}
