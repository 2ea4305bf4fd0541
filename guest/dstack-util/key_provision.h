/* The app's keys at boot: from its provider, checked before anything uses them (spec: guest-os 7). */
#pragma once

#include "appkeys/appkeys.h"
#include "cvm/compose.h"
#include "cvm/instance_info.h"
#include "cvm/sys_config.h"

/* Gets the keys, checks them against what was measured, and emits os-image-hash and key-provider. Providers local and
 * tpm are NOT_IMPLEMENTED. With several KMS urls the first success decides; all failing gives the first one's error. */
AppKeys *key_provision(TdxPlatform *platform, const AppCompose *compose, const InstanceInfo *info,
                       const SysConfig *config, GError **error);
