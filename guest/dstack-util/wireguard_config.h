/* The WireGuard configuration a gateway gave: strict checks, then text (spec: guest-os 11.2).
 *
 * Every value comes from the network and ends up in files that tools running as root read, so each is parsed to its
 * exact form before any use. */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define WIREGUARD_PORT 9182
#define WIREGUARD_MAX_PEERS 64

typedef struct {
  char *public_key; /* base64 of 32 bytes */
  char *ip;         /* IPv4, without prefix */
  char *endpoint;   /* host:port */
  char *host;       /* its host part, without brackets */
  gboolean host_is_ipv6;
} WireguardPeer;

typedef struct {
  char *client_ip;  /* IPv4, without prefix */
  GPtrArray *peers; /* WireguardPeer*, sorted by key */
} WireguardConfig;

WireguardConfig *wireguard_config_new(const char *client_ip, GError **error);
/* `ip` may have a prefix, which is cut. Error INVALID; also for a key that was added before and too many peers. */
gboolean wireguard_config_add(WireguardConfig *config, const char *public_key, const char *ip, const char *endpoint,
                              GError **error);
void wireguard_config_free(WireguardConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WireguardConfig, wireguard_config_free)

/* A clamped X25519 secret, and base64 of the public key (newly allocated) or of the secret itself. */
Secret *wireguard_key_new(void);
char *wireguard_public_key(const Secret *key);

/* The text for wg-quick, with an Address line; and for `wg setconf`, without. */
Secret *wireguard_config_text(const WireguardConfig *config, const Secret *key, gboolean with_address);
/* Input of `iptables-restore --noflush`: only the peers' endpoints of one family may reach the WireGuard port. */
char *wireguard_firewall_rules(const WireguardConfig *config, gboolean ipv6);
/* Input of `ip -batch -`: the address and a route to each peer. */
char *wireguard_ip_commands(const WireguardConfig *config, gboolean create);
