#include "tdx/mr_config.h"

#include "base/error.h"
#include "base/log.h"
#include "crypto/digest.h"

#include <string.h>

const char *key_provider_event_name(KeyProviderKind kind) {
  switch (kind) {
  case KEY_PROVIDER_NONE:
    return "none";
  case KEY_PROVIDER_LOCAL:
    return "local-sgx";
  case KEY_PROVIDER_KMS:
    return "kms";
  case KEY_PROVIDER_TPM:
    return "tpm";
  }
  g_assert_not_reached();
}

void mr_config_id_v1(const guint8 compose_hash[32], guint8 out[48]) {
  memset(out, 0, 48);
  out[0] = 1;
  memcpy(out + 1, compose_hash, 32);
}

void mr_config_id_v2(const guint8 compose_hash[32], const guint8 app_id[20], KeyProviderKind kind,
                     const void *provider_id, gsize provider_id_len, guint8 out[48]) {
  g_autoptr(GByteArray) preimage = g_byte_array_new();
  g_byte_array_append(preimage, compose_hash, 32);
  g_byte_array_append(preimage, app_id, 20);
  g_byte_array_append(preimage, (const guint8[]){(guint8)kind}, 1);
  if (provider_id_len > 0)
    g_byte_array_append(preimage, provider_id, (guint)provider_id_len);
  memset(out, 0, 48);
  out[0] = 2;
  digest_keccak256(preimage->data, preimage->len, out + 1);
}

gboolean mr_config_id_check(const guint8 quoted[48], const guint8 compose_hash[32], const guint8 app_id[20],
                            KeyProviderKind kind, const void *provider_id, gsize provider_id_len, GError **error) {
  static const guint8 zero[48];
  if (memcmp(quoted, zero, 48) == 0) {
    log_warn("mr_config_id is not set: the configuration is bound by the event log only");
    return TRUE;
  }
  guint8 expected[48];
  if (quoted[0] == 1) {
    mr_config_id_v1(compose_hash, expected);
  } else if (quoted[0] == 2) {
    mr_config_id_v2(compose_hash, app_id, kind, provider_id, provider_id_len, expected);
  } else {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "invalid mr_config_id version: %u", quoted[0]);
    return FALSE;
  }
  if (memcmp(quoted, expected, 48) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "invalid mr_config_id");
  return FALSE;
}
