/* MRCONFIGID of a VM: binds the app's compose hash into the quote (spec: vmm 5.5). */
#pragma once

#include "vmm/app_compose.h"

#include <glib.h>

#define MR_CONFIG_ID_SIZE 48

/* `app_id_hex` is the app id of .instance_info ("" takes the first 20 bytes of the compose hash); used when the compose pins a
 * key provider. Error INVALID. */
gboolean vmm_mr_config_id(const AppCompose *compose, const char *compose_text, const char *app_id_hex,
                          guint8 out[MR_CONFIG_ID_SIZE], GError **error);
