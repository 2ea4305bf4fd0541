/* Tests of the public pages: what hostile names and numbers look like in HTML and in metrics. */
#include "guest-agent/dashboard.h"
#include "guest-agent/html.h"
#include "guest-agent/metrics.h"

#include <string.h>

static void test_sizes(void) {
  static const struct {
    guint64 bytes;
    const char *expected;
  } rows[] = {{0, "0.00 B"},           {1023, "1023.00 B"},     {1024, "1.00 KB"},
              {1610612736, "1.50 GB"}, {1ull << 60, "1.00 EB"}, {G_MAXUINT64, "16.00 EB"}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *text = html_size(rows[i].bytes);
    g_assert_cmpstr(text, ==, rows[i].expected);
  }
}

#define HOSTILE "<script>alert('x')</script>&\""
#define ESCAPED "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"

typedef struct {
  PrpcMessage *info, *system, *containers;
  Dashboard dashboard;
} Page;

static void page_clear(Page *page) {
  prpc_message_free(page->info);
  prpc_message_free(page->system);
  prpc_message_free(page->containers);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Page, page_clear)

static void add_container(GuestApi__ListContainersResponse *list, const char *name) {
  GuestApi__Container *container = (GuestApi__Container *)prpc_message_new(&guest_api__container__descriptor);
  container->names = g_new0(char *, 1);
  container->names[0] = g_strdup(name);
  container->n_names = 1;
  prpc_set_string(&container->status, HOSTILE);
  list->containers = g_renew(GuestApi__Container *, list->containers, list->n_containers + 1);
  list->containers[list->n_containers++] = container;
}

static void add_disk(GuestApi__SystemInfo *system, const char *name, guint64 total, guint64 unused) {
  GuestApi__DiskInfo *disk = (GuestApi__DiskInfo *)prpc_message_new(&guest_api__disk_info__descriptor);
  prpc_set_string(&disk->name, name);
  prpc_set_string(&disk->mount_point, "/");
  disk->total_size = total;
  disk->free_size = unused;
  system->disks = g_renew(GuestApi__DiskInfo *, system->disks, system->n_disks + 1);
  system->disks[system->n_disks++] = disk;
}

static void make_page(Page *page) {
  page->info = prpc_message_new(&dstack_guest__app_info__descriptor);
  page->system = prpc_message_new(&guest_api__system_info__descriptor);
  page->containers = prpc_message_new(&guest_api__list_containers_response__descriptor);
  DstackGuest__AppInfo *info = (DstackGuest__AppInfo *)page->info;
  GuestApi__SystemInfo *system = (GuestApi__SystemInfo *)page->system;
  prpc_set_string(&info->app_name, HOSTILE);
  prpc_set_string(&info->tcb_info, "{\"app_compose\": \"</textarea>\"}");
  prpc_set_bytes(&info->app_id, "\xea\x54", 2);
  prpc_set_string(&system->os_name, HOSTILE);
  system->loadavg_one = 150;
  system->total_memory = 2147483648;
  add_disk(system, "/dev/x\"\\\n", 4096, 1024);
  add_disk(system, "empty", 0, 0);
  add_container((GuestApi__ListContainersResponse *)page->containers, "/web-1");
  add_container((GuestApi__ListContainersResponse *)page->containers, "/" HOSTILE);
  page->dashboard = (Dashboard){.info = info,
                                .system = system,
                                .containers = (GuestApi__ListContainersResponse *)page->containers,
                                .public_logs = TRUE,
                                .public_tcbinfo = TRUE};
}

static void test_dashboard(void) {
  g_auto(Page) page = {0};
  make_page(&page);
  g_autofree char *html = dashboard_html(&page.dashboard);
  g_assert_null(strstr(html, "<script>"));
  g_assert_nonnull(strstr(html, "<h1>" ESCAPED "</h1>"));
  g_assert_nonnull(strstr(html, "<tr><th>App ID</th><td>ea54</td></tr>"));
  g_assert_nonnull(strstr(html, "<tr><th>Load Average</th><td>1.50 0.00 0.00</td></tr>"));
  g_assert_nonnull(strstr(html, "of 2.00 GB used"));
  g_assert_nonnull(strstr(html, "<a href=\"/logs/web-1?text&bare&timestamps&follow&tail=20\">"));
  g_assert_null(strstr(html, "/logs/&lt;"));
  g_assert_nonnull(strstr(html, "&lt;/textarea&gt;"));
}

static void test_private_dashboard(void) {
  g_auto(Page) page = {0};
  make_page(&page);
  page.dashboard.system = NULL;
  page.dashboard.public_logs = page.dashboard.public_tcbinfo = FALSE;
  g_autofree char *html = dashboard_html(&page.dashboard);
  g_assert_null(strstr(html, "Load Average"));
  g_assert_null(strstr(html, "/logs/"));
  g_assert_null(strstr(html, "textarea&gt;"));
  g_assert_nonnull(strstr(html, "TCB info is not public"));
  g_assert_nonnull(strstr(html, "web-1")); /* the table itself is always public */
}

static void test_metrics(void) {
  g_auto(Page) page = {0};
  make_page(&page);
  g_autofree char *text = metrics_text(page.dashboard.system);
  g_assert_nonnull(strstr(text, "# HELP system_memory_total "));
  g_assert_nonnull(strstr(text, "# TYPE system_memory_total gauge\nsystem_memory_total 2147483648\n"));
  g_assert_nonnull(strstr(text, "\nsystem_load_average_1m 150\n"));
  g_assert_nonnull(strstr(text, "disk_used_size{name=\"/dev/x\\\"\\\\\\n\",mount_point=\"/\"} 3072\n"));
  g_assert_nonnull(strstr(text, "disk_usage_percentage{name=\"/dev/x\\\"\\\\\\n\",mount_point=\"/\"} 75.00\n"));
  g_assert_nonnull(strstr(text, "disk_usage_percentage{name=\"empty\",mount_point=\"/\"} 0.00\n"));
  g_assert_nonnull(strstr(text, "system_os_name{os_name=\"<script>alert('x')</script>&\\\"\"} 1\n"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/pages/sizes", test_sizes);
  g_test_add_func("/pages/dashboard", test_dashboard);
  g_test_add_func("/pages/private-dashboard", test_private_dashboard);
  g_test_add_func("/pages/metrics", test_metrics);
  return g_test_run();
}
