#include "kms/keyholder/handover.h"

#include "kms/sealed_keys.h"

#include "base/error.h"

gboolean handover_check_recipient(const guint8 spki[P256_SPKI_SIZE], const guint8 recipient[KMS_RECIPIENT_SIZE],
                                  GBytes *signature, GError **error) {
  guint8 statement[KMS_RECIPIENT_STATEMENT_SIZE];
  sealed_keys_statement(recipient, statement);
  g_autoptr(EVP_PKEY) key = p256_from_spki(spki, P256_SPKI_SIZE, error);
  if (!key)
    return FALSE;
  gsize len;
  const void *data = g_bytes_get_data(signature, &len);
  if (p256_verify(key, statement, sizeof statement, data, len))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "recipient of root keys is not signed by the client certificate's key");
  return FALSE;
}

GBytes *handover_seal(const RootKeys *keys, const guint8 recipient[KMS_RECIPIENT_SIZE], GError **error) {
  g_auto(SealedKeys) content = {
      .temp_ca = p256_to_pem(keys->temp_ca), .root_ca = p256_to_pem(keys->root_ca), .k256 = secret_copy(keys->k256)};
  return sealed_keys_seal(&content, recipient, error);
}

static EVP_PKEY *read_pem(const Secret *pem, const char *what, GError **error) {
  EVP_PKEY *key = p256_from_pem(secret_peek(pem), secret_len(pem), error);
  if (!key)
    g_prefix_error(error, "%s: ", what);
  return key;
}

RootKeys *handover_open(const Secret *secret, GBytes *sealed, GError **error) {
  g_auto(SealedKeys) content = {0};
  g_autoptr(RootKeys) keys = g_new0(RootKeys, 1);
  if (!sealed_keys_open(secret, sealed, &content, error) ||
      !(keys->temp_ca = read_pem(content.temp_ca, "received temp ca key", error)) ||
      !(keys->root_ca = read_pem(content.root_ca, "received root ca key", error)))
    return NULL;
  if (!k256_scalar_valid(content.k256)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "received root k256 key: not a secp256k1 key");
    return NULL;
  }
  keys->k256 = secret_copy(content.k256);
  keys->rpc = p256_generate();
  return g_steal_pointer(&keys);
}
