/* Registering this CVM with a gateway, which gives it a place in its WireGuard network (spec: guest-os 11). */
#pragma once

#include "appkeys/appkeys.h"
#include "cvm/sys_config.h"
#include "wireguard_config.h"

/* Tries the gateways in order; the first that accepts decides, and its network is brought up. All failing: the first
 * one's error. */
gboolean gateway_register(const AppKeys *keys, const SysConfig *config, TdxPlatform *platform, GError **error);

/* The asking alone: a checked configuration for the WireGuard key whose public half is `public_key` (base64). */
WireguardConfig *gateway_request(const AppKeys *keys, const SysConfig *config, TdxPlatform *platform,
                                 const char *public_key, GError **error);

/* TRUE when `app_id` (raw) is exactly one of the ids in the comma- or blank-separated hex list the KMS gave. An empty
 * id is never allowed. */
gboolean gateway_app_id_matches(const char *allowed, GBytes *app_id);
/* Error: empty, or "any", which would switch every check off. */
gboolean gateway_app_id_check(const char *allowed, GError **error);
