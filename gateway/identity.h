/* Who the gateway is: its RPC certificate from the guest agent of its own CVM (spec: gateway 4). */
#pragma once

#include <glib.h>

/* Asks the guest agent (env DSTACK_AGENT_ADDRESS, default unix:/var/run/dstack.sock) for a key and an attested certificate
 * for `domain`, and writes chain, key (0600) and the CA (the chain's last certificate) to the files. */
gboolean identity_obtain(const char *domain, const char *cert_path, const char *key_path, const char *ca_path,
                         GError **error);
