/* Who this CVM is: app id, instance id and the seed behind it (spec: guest-os 6). */
#pragma once

#include "cvm/compose.h"
#include "cvm/instance_info.h"

#include <glib.h>

/* first 20 bytes of sha256(seed || app id) */
void identity_instance_id(const guint8 seed[INSTANCE_SEED_SIZE], const guint8 app_id[APP_ID_SIZE],
                          guint8 out[INSTANCE_ID_SIZE]);

/* The identity of this boot, from the measured compose and what the host stored. A fresh seed is drawn when there is
 * none or when keys do not survive a reboot (provider none). Error INVALID for an app id of its own without a KMS. */
InstanceInfo *identity_resolve(const AppCompose *compose, const InstanceInfo *stored, GError **error);
