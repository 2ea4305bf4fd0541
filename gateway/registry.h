/* The registered CVM instances: who they are, their tunnel address, their WireGuard key (spec: gateway 6.4, 8, 9).
 *
 * Thread-safe. The data plane never takes the registry's lock for long: it asks for the addresses of one id. */
#pragma once

#include "ipv4_net.h"

#include <glib.h>

typedef struct Registry Registry;

typedef struct {
  char *id;     /* instance id, 40 hex */
  char *app_id; /* 40 hex */
  guint32 ip;
  char *public_key; /* WireGuard, base64 */
  gint64 reg_time_ms, last_seen_ms; /* Unix */
  gint connections; /* atomic; open proxy connections */
} Instance;

/* `state_path` is read now (NOT_FOUND is an empty start; an unreadable file is an error: starting empty could hand out
 * addresses in use) and rewritten after each change. */
Registry *registry_new(const Ipv4Plan *plan, const char *state_path, const char *own_public_key, GError **error);
void registry_free(Registry *registry);

/* Registers or refreshes an instance and saves. *changed tells whether the WireGuard configuration must follow.
 * Errors: INVALID (empty id, malformed key), DENIED (key of another instance; instance of another app), UNAVAILABLE
 * "failed to allocate ip address for client". Returns the address, 0 on error. */
guint32 registry_register(Registry *registry, const char *instance_id, const char *app_id, const char *public_key,
                          gboolean *changed, GError **error);

#define REGISTRY_MAX_TARGETS 16
typedef struct {
  guint32 ip;
  Instance *instance; /* lives until registry_release_targets() */
} RegistryTarget;

/* Fills `targets` for an instance id (exactly that one) or an app id (instances by latest handshake, the freshest first,
 * unknown handshakes last; at most `top_n`; 0: one at random of those with a handshake in the last five minutes). Returns the number; 0: unknown id. Holds a reference. */
guint registry_select(Registry *registry, const char *id, guint top_n, RegistryTarget targets[REGISTRY_MAX_TARGETS]);
void registry_release_target(RegistryTarget *target);

/* Calls `visit` for each instance in order of instance id, under the lock: it must be short. */
void registry_foreach(Registry *registry, void (*visit)(const Instance *instance, gpointer user_data), gpointer user_data);
guint registry_size(Registry *registry);

/* Newest WireGuard handshakes: public key -> Unix seconds (gint64*), 0 never. */
void registry_set_handshakes(Registry *registry, GHashTable *handshakes);
/* Removes instances registered and last heard of more than `timeout_ms` ago. TRUE when any was removed. */
gboolean registry_recycle(Registry *registry, guint64 timeout_ms);
