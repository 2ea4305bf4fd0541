#include "wireguard_apply.h"

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

#include <net/if.h>
#include <string.h>
#include <sys/wait.h>

#define INTERFACE "dstack-wg0"
#define CONFIG_PATH "/etc/wireguard/" INTERFACE ".conf"

static gboolean run_with_input(const char *const *argv, const void *input, gsize len, GError **error) {
  g_auto(ProcessResult) result = {0};
  ProcessSpec spec = {.argv = argv, .input = input, .input_len = len};
  if (!process_run(&spec, &result, error))
    return FALSE;
  if (result.status == 0)
    return TRUE;
  int code = WIFEXITED(result.status) ? WEXITSTATUS(result.status) : -1;
  g_strchomp(result.errors);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "%s failed with status %d: %s", argv[0], code, result.errors);
  return FALSE;
}

static gboolean has_ipv6_endpoint(const WireguardConfig *config) {
  for (guint i = 0; i < config->peers->len; i++)
    if (((const WireguardPeer *)config->peers->pdata[i])->host_is_ipv6)
      return TRUE;
  return FALSE;
}

static gboolean set_firewall(const WireguardConfig *config, gboolean ipv6, GError **error) {
  const char *tool = ipv6 ? "ip6tables" : "iptables";
  const char *restore = ipv6 ? "ip6tables-restore" : "iptables-restore";
  /* The jump of an earlier run, if any, is in the way of the new one. */
  (void)process_check((const char *const[]){tool, "-w", "-D", "INPUT", "-p", "udp", "--dport",
                                            G_STRINGIFY(WIREGUARD_PORT), "-j", "DSTACK_WG", NULL},
                      NULL, NULL);
  g_autofree char *rules = wireguard_firewall_rules(config, ipv6);
  return run_with_input((const char *const[]){restore, "-w", "--noflush", NULL}, rules, strlen(rules), error);
}

static gboolean set_interface(const WireguardConfig *config, const Secret *key, GError **error) {
  g_autofree char *commands = wireguard_ip_commands(config, if_nametoindex(INTERFACE) == 0);
  g_autoptr(Secret) peers = wireguard_config_text(config, key, FALSE);
  return run_with_input((const char *const[]){"ip", "-batch", "-", NULL}, commands, strlen(commands), error) &&
         run_with_input((const char *const[]){"wg", "setconf", INTERFACE, "/proc/self/fd/0", NULL}, secret_peek(peers),
                        secret_len(peers), error);
}

gboolean wireguard_apply(const WireguardConfig *config, const Secret *key, GError **error) {
  g_autoptr(Secret) text = wireguard_config_text(config, key, TRUE);
  return file_make_dirs("/etc/wireguard", 0700, error) &&
         file_write_atomic(CONFIG_PATH, secret_peek(text), secret_len(text), 0600, error) &&
         set_firewall(config, FALSE, error) && (!has_ipv6_endpoint(config) || set_firewall(config, TRUE, error)) &&
         set_interface(config, key, error);
}

gboolean wireguard_expect(GError **error) {
  if (g_file_test(CONFIG_PATH, G_FILE_TEST_EXISTS))
    return TRUE;
  return file_make_dirs("/etc/wireguard", 0700, error) && file_write_atomic(CONFIG_PATH, "", 0, 0600, error);
}
