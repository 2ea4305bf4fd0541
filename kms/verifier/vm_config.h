/* The vm_config text that a caller sends with its request (spec: kms 7.4). It is believed only because the measurements
 * computed from it must equal the quoted ones. */
#pragma once

#include "kms/protocol.h"

#include <glib.h>

/* The image it names. Error INVALID: no JSON object, wrong types, no os_image_hash of exactly 32 bytes. */
gboolean vm_config_image_hash(const char *text, guint8 out[KMS_IMAGE_HASH_SIZE], GError **error);
