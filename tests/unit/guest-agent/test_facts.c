/* Tests of what the agent reads from files of others: system, network, containers; and its configuration. */
#include "base/error.h"
#include "guest-agent/config.h"
#include "guest-agent/containers.h"
#include "guest-agent/network_info.h"
#include "guest-agent/system_info.h"
#include "guest-agent/systemd.h"
#include "prpc/message.h"

#include <string.h>

static void test_os_release(void) {
  const char *text = "# comment\nPRETTY_NAME=\"D\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=13\nEMPTY=\nBAD=\"open\n";
  static const char *const rows[][2] = {
      {"NAME", "Debian GNU/Linux"}, {"VERSION_ID", "13"}, {"EMPTY", ""}, {"BAD", ""}, {"ID", ""}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *value = os_release_value(text, rows[i][0]);
    g_assert_cmpstr(value, ==, rows[i][1]);
  }
}

static void test_meminfo(void) {
  const char *text = "MemTotal:        2048 kB\nMemFree:  1 kB\nSwapTotal:0 kB\n";
  g_assert_cmpuint(meminfo_value(text, "MemTotal"), ==, 2048 * 1024);
  g_assert_cmpuint(meminfo_value(text, "MemFree"), ==, 1024);
  g_assert_cmpuint(meminfo_value(text, "Mem"), ==, 0);
  g_assert_cmpuint(meminfo_value("", "MemTotal"), ==, 0);
}

static void test_system_info(void) {
  g_autoptr(PrpcMessage) message = prpc_message_new(&guest_api__system_info__descriptor);
  GuestApi__SystemInfo *info = (GuestApi__SystemInfo *)message;
  char *disks[] = {"/", NULL};
  system_info_fill(disks, info);
  g_assert_cmpuint(info->total_memory, >, 0);
  g_assert_cmpuint(info->num_cpus, >, 0);
  g_assert_cmpstr(info->kernel_version, !=, "");
  for (gsize i = 0; i < info->n_disks; i++)
    g_assert_cmpstr(info->disks[i]->mount_point, ==, "/");
}

static void test_network(void) {
  g_auto(GStrv) servers =
      resolv_conf_servers("# x\nnameserver 1.1.1.1\nnameserver\t9.9.9.9 x\noptions y\nnameserver\n");
  g_assert_cmpuint(g_strv_length(servers), ==, 2);
  g_assert_cmpstr(servers[1], ==, "9.9.9.9");
  g_auto(GStrv) gateways = route_gateways("Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0202000A\t0003\n"
                                          "eth0\t0002000A\t00000000\t0001\nwg\t00000000\t00000000\t1\n");
  g_assert_cmpuint(g_strv_length(gateways), ==, 1);
  g_assert_cmpstr(gateways[0], ==, "10.0.2.2");
  g_assert_true(network_interface_shown("dstack-wg0") && network_interface_shown("enp0s1") &&
                network_interface_shown("eth0"));
  g_assert_false(network_interface_shown("docker0") || network_interface_shown("lo") ||
                 network_interface_shown("br-1"));
}

static gboolean parse_containers(const char *json, GuestApi__ListContainersResponse **out) {
  *out = (GuestApi__ListContainersResponse *)prpc_message_new(&guest_api__list_containers_response__descriptor);
  return containers_parse(json, strlen(json), *out, NULL);
}

static void test_containers(void) {
  GuestApi__ListContainersResponse *list;
  g_assert_true(parse_containers(
      "[{\"Id\":\"ab\",\"Names\":[\"/web\"],\"Image\":\"nginx\",\"ImageID\":\"sha256:1\",\"Created\":7,"
      "\"State\":\"running\",\"Status\":\"Up\",\"Ports\":[]},{}]",
      &list));
  g_assert_cmpuint(list->n_containers, ==, 2);
  g_assert_cmpstr(list->containers[0]->names[0], ==, "/web");
  g_assert_cmpint(list->containers[0]->created, ==, 7);
  g_assert_cmpuint(list->containers[1]->n_names, ==, 0);
  prpc_message_free(&list->base);
  static const char *const bad[] = {"", "{}", "[1]", "[{\"Id\":1}]", "[{\"Names\":[1]}]", "[{\"Created\":-1}]"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_assert_false(parse_containers(bad[i], &list));
    prpc_message_free(&list->base);
  }
}

static void test_config(void) {
  g_autoptr(Config) raw = config_new(agent_config_defaults);
  g_autoptr(AgentConfig) config = agent_config_new(raw, NULL);
  g_assert_cmpstr(config->internal_address, ==, "unix:/var/run/dstack.sock");
  g_assert_cmpstr(config->internal_v0_address, ==, "unix:/var/run/tappd.sock");
  g_assert_cmpstr(config->external_address, ==, "0.0.0.0:8090");
  g_assert_cmpstr(config->guest_api_address, ==, "vsock:0xffffffff:8000");
  g_assert_cmpuint(config->workers, ==, 8);
  g_autoptr(Config) wrong = config_new("[default]\nworkers = \"many\"\nident = \"x\"\n");
  g_autoptr(GError) error = NULL;
  g_assert_null(agent_config_new(wrong, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_systemd(void) {
  g_unsetenv("NOTIFY_SOCKET");
  g_assert_true(systemd_notify("READY=1", NULL));
  g_setenv("WATCHDOG_USEC", "30000000", TRUE);
  g_assert_cmpuint(systemd_watchdog_usec(), ==, 30000000);
  g_setenv("WATCHDOG_PID", "1", TRUE);
  g_assert_cmpuint(systemd_watchdog_usec(), ==, 0);
  g_setenv("LISTEN_FDS", "2", TRUE);
  g_assert_cmpint(systemd_listen_fd(0), ==, 0); /* without LISTEN_PID they are not known to be ours */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/facts/os-release", test_os_release);
  g_test_add_func("/facts/meminfo", test_meminfo);
  g_test_add_func("/facts/system-info", test_system_info);
  g_test_add_func("/facts/network", test_network);
  g_test_add_func("/facts/containers", test_containers);
  g_test_add_func("/facts/config", test_config);
  g_test_add_func("/facts/systemd", test_systemd);
  return g_test_run();
}
