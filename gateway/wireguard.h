/* The gateway's WireGuard interface (spec: gateway 7, 8): made with the kernel's module, else with wireguard-go. */
#pragma once

#include "registry.h"

#include "base/secret.h"

#include <glib.h>

typedef struct {
  const char *interface;
  const char *ip;        /* with prefix */
  const char *config_path;
  const Secret *private_key; /* base64 text */
  guint16 listen_port;
} WireguardOptions;

typedef struct Wireguard Wireguard;

/* Makes the interface if it does not exist; one that exists is used as it is. With no kernel module a `wireguard-go` process carries
 * it. Either way it stays when this process ends (`ip link delete` removes it). Error UNAVAILABLE names what is missing. */
Wireguard *wireguard_new(const WireguardOptions *options, GError **error);
/* Leaves the interface alone. */
void wireguard_free(Wireguard *wireguard);

/* The configuration text for these instances. Newly allocated; holds the private key: free with wireguard_config_free(). */
char *wireguard_config(const WireguardOptions *options, Registry *registry);
void wireguard_config_free(char *text);
/* Writes the file (0600) and makes the interface follow it. */
gboolean wireguard_sync(Wireguard *wireguard, Registry *registry, GError **error);
/* Whether the last sync failed: the interface lacks what the registry knows. */
gboolean wireguard_is_behind(Wireguard *wireguard);
/* Public key -> gint64* Unix seconds, 0 never. */
GHashTable *wireguard_handshakes(Wireguard *wireguard, GError **error);
/* Parses the output of `wg show <interface> latest-handshakes`. */
GHashTable *wireguard_parse_handshakes(const char *text, GError **error);
