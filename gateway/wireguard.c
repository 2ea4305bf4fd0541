#include "wireguard.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INTERFACE_WAIT_MS 5000
#define POLL_MS 20

struct Wireguard {
  WireguardOptions options;
  GMutex sync_lock; /* a sync with an older list must not come after one with a newer */
  gint behind;      /* atomic; the interface lacks a change */
  pid_t child; /* wireguard-go while it starts; it may fail to, and is then reaped */
};

static gboolean interface_exists(const char *interface) {
  g_autofree char *path = g_strdup_printf("/sys/class/net/%s", interface);
  return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean wait_for_interface(Wireguard *wireguard) {
  for (guint waited = 0; waited < INTERFACE_WAIT_MS; waited += POLL_MS) {
    if (interface_exists(wireguard->options.interface))
      return TRUE;
    if (waitpid(wireguard->child, NULL, WNOHANG) == wireguard->child) {
      wireguard->child = 0;
      return FALSE;
    }
    g_usleep(POLL_MS * 1000);
  }
  return FALSE;
}

/* Runs in the forked child: only async-signal-safe calls. Like a kernel's interface, this one outlives the gateway: the tunnels then
 * stand when a killed gateway comes back, instead of waiting two minutes for every peer's next handshake. */
static void leave_session(gpointer user_data) {
  (void)user_data;
  (void)setsid();
}

static gboolean start_wireguard_go(Wireguard *wireguard, GError **error) {
  char *argv[] = {"wireguard-go", "-f", (char *)wireguard->options.interface, NULL};
  g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "WG_PROCESS_FOREGROUND", "1", TRUE);
  g_autoptr(GError) cause = NULL;
  GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                      G_SPAWN_STDERR_TO_DEV_NULL;
  if (g_spawn_async(NULL, argv, environment, flags, leave_session, NULL, &wireguard->child, &cause) &&
      wait_for_interface(wireguard))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE,
              "no wireguard: the kernel has no module and wireguard-go could not make %s%s%s",
              wireguard->options.interface, cause ? ": " : " (is /dev/net/tun there, and are we root?)",
              cause ? cause->message : "");
  return FALSE;
}

static gboolean make_interface(Wireguard *wireguard, GError **error) {
  const char *interface = wireguard->options.interface;
  const char *const add[] = {"ip", "link", "add", interface, "type", "wireguard", NULL};
  const char *const address[] = {"ip", "address", "add", wireguard->options.ip, "dev", interface, NULL};
  const char *const up[] = {"ip", "link", "set", interface, "up", NULL};
  g_autoptr(GError) no_module = NULL;
  if (!process_check(add, NULL, &no_module)) {
    log_info("no kernel wireguard (%s), using wireguard-go", no_module->message);
    if (!start_wireguard_go(wireguard, error))
      return FALSE;
  }
  return process_check(address, NULL, error) && process_check(up, NULL, error);
}

Wireguard *wireguard_new(const WireguardOptions *options, GError **error) {
  Wireguard *wireguard = g_new0(Wireguard, 1);
  wireguard->options = *options;
  if (interface_exists(options->interface) || make_interface(wireguard, error))
    return wireguard;
  wireguard_free(wireguard);
  return NULL;
}

void wireguard_free(Wireguard *wireguard) { g_free(wireguard); }

static void append_peer(const Instance *instance, gpointer user_data) {
  g_autofree char *ip = ipv4_print(instance->ip);
  g_string_append_printf(user_data, "\n[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\nPersistentKeepalive = 25\n",
                         instance->public_key, ip);
}

char *wireguard_config(const WireguardOptions *options, Registry *registry) {
  GString *text = g_string_new(NULL);
  g_string_append_printf(text, "[Interface]\nPrivateKey = %.*s\nListenPort = %u\n\n", (int)secret_len(options->private_key),
                         (const char *)secret_peek(options->private_key), options->listen_port);
  registry_foreach(registry, append_peer, text);
  return g_string_free(text, FALSE);
}

void wireguard_config_free(char *text) {
  if (text)
    secret_wipe(text, strlen(text));
  g_free(text);
}

gboolean wireguard_sync(Wireguard *wireguard, Registry *registry, GError **error) {
  const WireguardOptions *options = &wireguard->options;
  const char *const sync[] = {"wg", "syncconf", options->interface, options->config_path, NULL};
  g_mutex_lock(&wireguard->sync_lock);
  g_atomic_int_set(&wireguard->behind, TRUE);
  char *text = wireguard_config(options, registry);
  gboolean done = file_write_atomic(options->config_path, text, strlen(text), 0600, error) && process_check(sync, NULL, error);
  wireguard_config_free(text);
  if (done)
    g_atomic_int_set(&wireguard->behind, FALSE);
  g_mutex_unlock(&wireguard->sync_lock);
  return done;
}

gboolean wireguard_is_behind(Wireguard *wireguard) { return g_atomic_int_get(&wireguard->behind); }

GHashTable *wireguard_parse_handshakes(const char *text, GError **error) {
  g_autoptr(GHashTable) handshakes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (*lines[i] == '\0')
      continue;
    g_auto(GStrv) fields = g_strsplit(lines[i], "\t", 3);
    guint64 seconds;
    if (g_strv_length(fields) != 2 ||
        !g_ascii_string_to_unsigned(fields[1], 10, 0, G_MAXINT64 / 1000, &seconds, NULL)) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "wg: unexpected handshake line %u", i + 1);
      return NULL;
    }
    gint64 *value = g_new(gint64, 1);
    *value = (gint64)seconds;
    g_hash_table_insert(handshakes, g_strdup(fields[0]), value);
  }
  return g_steal_pointer(&handshakes);
}

GHashTable *wireguard_handshakes(Wireguard *wireguard, GError **error) {
  const char *const show[] = {"wg", "show", wireguard->options.interface, "latest-handshakes", NULL};
  g_autofree char *text = NULL;
  return process_check(show, &text, error) ? wireguard_parse_handshakes(text, error) : NULL;
}
