/* Bringing the WireGuard interface to a checked configuration. */
#pragma once

#include "wireguard_config.h"

/* Writes /etc/wireguard/dstack-wg0.conf (mode 0600), sets the firewall, then the interface: made when missing, changed
 * in place otherwise. */
gboolean wireguard_apply(const WireguardConfig *config, const Secret *key, GError **error);

/* Leaves an empty configuration where there is none: the guest's checker watches for the file, sees no handshake, and
 * registers again. */
gboolean wireguard_expect(GError **error);
