#include "cli/env_key.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

#define LABEL "dstack-env-encrypt-pubkey:"
#define APP_ID_SIZE 20

static gboolean unverified(GError **error, const char *reason) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the kms's encryption key %s", reason);
  return FALSE;
}

static gboolean recover(const ProtobufCBinaryData *signature, const guint8 *app_id, const guint64 *timestamp,
                        const guint8 *key, guint8 signer[K256_PUBLIC_SIZE], GError **error) {
  if (signature->len != K256_SIGNATURE_SIZE)
    return unverified(error, "has a signature of the wrong size");
  g_autoptr(GByteArray) message = g_byte_array_new();
  g_byte_array_append(message, (const guint8 *)LABEL, strlen(LABEL));
  g_byte_array_append(message, app_id, APP_ID_SIZE);
  if (timestamp) {
    guint64 big_endian = GUINT64_TO_BE(*timestamp);
    g_byte_array_append(message, (const guint8 *)&big_endian, sizeof big_endian);
  }
  g_byte_array_append(message, key, ENV_KEY_SIZE);
  return k256_recover_message(message->data, message->len, signature->data, signer, error);
}

static gboolean is_fresh(guint64 timestamp, gint64 now) {
  return timestamp <= G_MAXINT64 && ABS((gint64)timestamp - now) <= ENV_KEY_MAX_AGE_S;
}

static gboolean check_signature(const Vmm__PublicKeyResponse *answer, const guint8 *app_id, gint64 now, guint8 *signer,
                                GError **error) {
  const guint8 *key = answer->public_key.data;
  if (answer->signature_v1.len > 0) {
    if (!recover(&answer->signature_v1, app_id, &answer->timestamp, key, signer, error))
      return FALSE;
    return is_fresh(answer->timestamp, now) || unverified(error, "is signed for another time: check both clocks");
  }
  if (answer->signature.len == 0)
    return unverified(error, "is not signed");
  return recover(&answer->signature, app_id, NULL, key, signer, error);
}

gboolean env_key_verify(const Vmm__PublicKeyResponse *answer, const guint8 app_id[20], const TrustedSigners *trusted, gint64 now,
                        guint8 key[ENV_KEY_SIZE], guint8 signer[K256_PUBLIC_SIZE], gboolean *dated, GError **error) {
  *dated = answer->signature_v1.len > 0;
  if (answer->public_key.len != ENV_KEY_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the kms's encryption key has the wrong size");
    return FALSE;
  }
  if (!check_signature(answer, app_id, now, signer, error))
    return FALSE;
  if (!trust_contains(trusted, signer)) {
    g_autofree char *text = hex_encode(signer, K256_PUBLIC_SIZE);
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
                "the kms's encryption key is signed by 0x%s, whom you do not trust yet; compare it with your kms, then give "
                "--kms-signer or run: dstack kms add %s",
                text, text);
    return FALSE;
  }
  memcpy(key, answer->public_key.data, ENV_KEY_SIZE);
  return TRUE;
}
