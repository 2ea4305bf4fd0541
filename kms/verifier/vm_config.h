/* The vm_config text that a caller sends with its request (spec: kms 7.4). It is believed only because the measurements
 * computed from it must equal the quoted ones. */
#pragma once

#include "kms/protocol.h"

#include "measure/measure.h"

#include <glib.h>

typedef struct {
  MeasureVm shape;
  GBytes *storage; /* what `shape` points into */
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE];
  char *cache_key; /* hex SHA-256 over everything that changes the measurements */
} VmConfig;
void vm_config_clear(VmConfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VmConfig, vm_config_clear)

/* Error INVALID: no JSON object, wrong types, no os_image_hash of exactly 32 bytes. */
gboolean vm_config_parse(const char *text, VmConfig *out, GError **error);
