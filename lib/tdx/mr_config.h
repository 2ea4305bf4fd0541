/* MRCONFIGID: 48 bytes that the VMM sets and the guest checks (spec: attestation C.9, guest-os 6.1). */
#pragma once

#include <glib.h>

typedef enum {
  KEY_PROVIDER_NONE = 0,
  KEY_PROVIDER_LOCAL = 1,
  KEY_PROVIDER_KMS = 2,
  KEY_PROVIDER_TPM = 3
} KeyProviderKind;

/* The name in the "key-provider" event: "none", "local-sgx", "kms", "tpm". */
const char *key_provider_event_name(KeyProviderKind kind);

void mr_config_id_v1(const guint8 compose_hash[32], guint8 out[48]);
void mr_config_id_v2(const guint8 compose_hash[32], const guint8 app_id[20], KeyProviderKind kind,
                     const void *provider_id, gsize provider_id_len, guint8 out[48]);
/* Checks a quoted value against local facts. All zero passes (and is logged). Error UNVERIFIED "invalid mr_config_id",
 * or "invalid mr_config_id version" for an unknown first byte, and for 3, whose document is needed: see
 * tdx/mr_config_v3.h. */
gboolean mr_config_id_check(const guint8 quoted[48], const guint8 compose_hash[32], const guint8 app_id[20],
                            KeyProviderKind kind, const void *provider_id, gsize provider_id_len, GError **error);
