#include "wireguard_config.h"

#include "base/error.h"
#include "crypto/envelope.h"

#include <arpa/inet.h>
#include <string.h>

#define KEY_SIZE 32
#define MAX_HOST 253
#define INTERFACE "dstack-wg0"
#define CHAIN "DSTACK_WG"

static void peer_free(gpointer data) {
  WireguardPeer *peer = data;
  g_free(peer->public_key);
  g_free(peer->ip);
  g_free(peer->endpoint);
  g_free(peer->host);
  g_free(peer);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WireguardPeer, peer_free)

void wireguard_config_free(WireguardConfig *config) {
  if (!config)
    return;
  g_free(config->client_ip);
  g_clear_pointer(&config->peers, g_ptr_array_unref);
  g_free(config);
}

static gboolean invalid(GError **error, const char *what) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the gateway answered with an invalid %s", what);
  return FALSE;
}

/* The address in its one canonical form, or NULL. */
static char *canonical_ipv4(const char *text) {
  struct in_addr address;
  char canonical[INET_ADDRSTRLEN];
  if (inet_pton(AF_INET, text, &address) != 1 || address.s_addr == 0 ||
      !inet_ntop(AF_INET, &address, canonical, sizeof canonical))
    return NULL;
  return g_strdup(canonical);
}

static char *ipv4_without_prefix(const char *text) {
  g_auto(GStrv) parts = g_strsplit(text, "/", 2);
  guint64 prefix;
  if (!parts[0] || (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, 32, &prefix, NULL)))
    return NULL;
  return canonical_ipv4(parts[0]);
}

static char *canonical_key(const char *text) {
  gsize len = 0;
  g_autofree guchar *raw = g_base64_decode(text, &len);
  g_autofree char *again = raw ? g_base64_encode(raw, len) : NULL;
  return len == KEY_SIZE && g_str_equal(again, text) ? g_steal_pointer(&again) : NULL;
}

static gboolean host_name_ok(const char *host) {
  if (!g_ascii_isalnum(*host) || strlen(host) > MAX_HOST)
    return FALSE;
  for (const char *p = host; *p; p++)
    if (!g_ascii_isalnum(*p) && *p != '-' && *p != '.')
      return FALSE;
  return TRUE;
}

/* "1.2.3.4:1", "[::1]:1" or "name:1". */
static gboolean parse_endpoint(const char *text, WireguardPeer *peer) {
  const char *colon = strrchr(text, ':');
  guint64 port;
  if (!colon || colon == text || !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
    return FALSE;
  gsize host_len = (gsize)(colon - text);
  peer->host_is_ipv6 = text[0] == '[' && colon[-1] == ']' && host_len > 2;
  peer->host = peer->host_is_ipv6 ? g_strndup(text + 1, host_len - 2) : g_strndup(text, host_len);
  struct in6_addr ipv6;
  if (peer->host_is_ipv6 ? inet_pton(AF_INET6, peer->host, &ipv6) != 1 : !host_name_ok(peer->host))
    return FALSE;
  const char *format = peer->host_is_ipv6 ? "[%s]:%" G_GUINT64_FORMAT : "%s:%" G_GUINT64_FORMAT;
  peer->endpoint = g_strdup_printf(format, peer->host, port);
  return TRUE;
}

WireguardConfig *wireguard_config_new(const char *client_ip, GError **error) {
  g_autoptr(WireguardConfig) config = g_new0(WireguardConfig, 1);
  config->peers = g_ptr_array_new_with_free_func(peer_free);
  config->client_ip = canonical_ipv4(client_ip);
  if (!config->client_ip) {
    invalid(error, "client ip");
    return NULL;
  }
  return g_steal_pointer(&config);
}

static gint by_key(gconstpointer a, gconstpointer b) {
  return strcmp((*(WireguardPeer *const *)a)->public_key, (*(WireguardPeer *const *)b)->public_key);
}

gboolean wireguard_config_add(WireguardConfig *config, const char *public_key, const char *ip, const char *endpoint,
                              GError **error) {
  g_autoptr(WireguardPeer) peer = g_new0(WireguardPeer, 1);
  peer->public_key = canonical_key(public_key);
  peer->ip = ipv4_without_prefix(ip);
  if (!peer->public_key)
    return invalid(error, "public key");
  if (!peer->ip)
    return invalid(error, "server ip");
  if (!parse_endpoint(endpoint, peer))
    return invalid(error, "endpoint");
  if (config->peers->len >= WIREGUARD_MAX_PEERS)
    return invalid(error, "number of servers");
  for (guint i = 0; i < config->peers->len; i++) {
    const WireguardPeer *other = config->peers->pdata[i];
    if (g_str_equal(other->public_key, peer->public_key) || g_str_equal(other->ip, peer->ip))
      return invalid(error, "server list: one stands twice");
  }
  g_ptr_array_add(config->peers, g_steal_pointer(&peer));
  g_ptr_array_sort(config->peers, by_key);
  return TRUE;
}

Secret *wireguard_key_new(void) {
  Secret *key = secret_new_random(KEY_SIZE);
  guint8 *bytes = secret_data(key);
  bytes[0] &= 248;
  bytes[31] = (guint8)((bytes[31] & 127) | 64);
  return key;
}

char *wireguard_public_key(const Secret *key) {
  guint8 public_key[X25519_SIZE];
  x25519_public(secret_peek(key), public_key);
  return g_base64_encode(public_key, sizeof public_key);
}

Secret *wireguard_config_text(const WireguardConfig *config, const Secret *key, gboolean with_address) {
  g_autofree char *private_key = g_base64_encode(secret_peek(key), secret_len(key));
  g_autoptr(GString) out = g_string_new("[Interface]\n");
  g_string_append_printf(out, "PrivateKey = %s\nListenPort = %d\n", private_key, WIREGUARD_PORT);
  secret_wipe(private_key, strlen(private_key));
  if (with_address)
    g_string_append_printf(out, "Address = %s/32\n", config->client_ip);
  g_string_append_c(out, '\n');
  for (guint i = 0; i < config->peers->len; i++) {
    const WireguardPeer *peer = config->peers->pdata[i];
    g_string_append_printf(out, "[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\nEndpoint = %s\nPersistentKeepalive = 25\n",
                           peer->public_key, peer->ip, peer->endpoint);
  }
  Secret *text = secret_new(out->str, out->len);
  secret_wipe(out->str, out->len);
  return text;
}

char *wireguard_firewall_rules(const WireguardConfig *config, gboolean ipv6) {
  GString *out = g_string_new("*filter\n:" CHAIN " - [0:0]\n");
  for (guint i = 0; i < config->peers->len; i++) {
    const WireguardPeer *peer = config->peers->pdata[i];
    if (peer->host_is_ipv6 == ipv6)
      g_string_append_printf(out, "-A " CHAIN " -s %s -j ACCEPT\n", peer->host);
  }
  g_string_append_printf(out, "-A " CHAIN " -j DROP\n-I INPUT 1 -p udp --dport %d -j " CHAIN "\nCOMMIT\n",
                         WIREGUARD_PORT);
  return g_string_free(out, FALSE);
}

char *wireguard_ip_commands(const WireguardConfig *config, gboolean create) {
  GString *out = g_string_new(create ? "link add " INTERFACE " type wireguard\n" : "address flush dev " INTERFACE "\n");
  g_string_append_printf(out, "address add %s/32 dev " INTERFACE "\nlink set " INTERFACE " up\n", config->client_ip);
  for (guint i = 0; i < config->peers->len; i++) {
    const WireguardPeer *peer = config->peers->pdata[i];
    g_string_append_printf(out, "route replace %s/32 dev " INTERFACE "\n", peer->ip);
  }
  return g_string_free(out, FALSE);
}
