/* The system's own RTMR3 events, in the order every verifier expects (spec: guest-os 6, attestation C.6). */
#pragma once

#include "appkeys/appkeys.h"
#include "cvm/compose.h"
#include "cvm/instance_info.h"
#include "tdx/platform.h"

#include <glib.h>

/* system-preparing, app-id, compose-hash, instance-id, boot-mr-done: before any key is asked for. */
gboolean boot_events_identity(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                              GError **error);
/* mr-kms (if the KMS is attested), os-image-hash (as the KMS told it, if it did) and key-provider: after every check of
 * the keys, before their use. */
gboolean boot_events_keys(TdxPlatform *platform, const AppKeys *keys, GError **error);
/* storage-fs, and system-ready: the end of the trusted events. */
gboolean boot_events_storage(TdxPlatform *platform, const char *filesystem, GError **error);
gboolean boot_events_ready(TdxPlatform *platform, GError **error);

/* Checks keys against what was measured before they are used: a disk key, MRCONFIGID and the compose's pin
 * (spec: guest-os 6.1, 7). Takes a quote. Error UNVERIFIED. */
gboolean boot_keys_check(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                         const AppKeys *keys, GError **error);
