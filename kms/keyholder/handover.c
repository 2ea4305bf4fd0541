#include "kms/keyholder/handover.h"

#include "kms/wire.h"

#include "base/error.h"
#include "crypto/envelope.h"

#include <string.h>

#define CONTENT_LABEL "dstack-kms-root-keys-v1:"
#define LABEL_SIZE (sizeof CONTENT_LABEL - 1)

gboolean handover_check_recipient(const guint8 spki[P256_SPKI_SIZE], const guint8 recipient[KMS_RECIPIENT_SIZE],
                                  GBytes *signature, GError **error) {
  guint8 statement[sizeof KMS_RECIPIENT_LABEL - 1 + KMS_RECIPIENT_SIZE];
  memcpy(statement, KMS_RECIPIENT_LABEL, sizeof KMS_RECIPIENT_LABEL - 1);
  memcpy(statement + sizeof KMS_RECIPIENT_LABEL - 1, recipient, KMS_RECIPIENT_SIZE);
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
  g_autoptr(Secret) temp_ca = p256_to_pem(keys->temp_ca);
  g_autoptr(Secret) root_ca = p256_to_pem(keys->root_ca);
  g_autoptr(WireBuffer) content = wire_buffer_new(0);
  wire_put_fixed(content, CONTENT_LABEL, LABEL_SIZE);
  wire_put_secret(content, temp_ca);
  wire_put_secret(content, root_ca);
  wire_put_fixed(content, secret_peek(keys->k256), K256_SCALAR_SIZE);
  Reader body = wire_body(content);
  return envelope_seal(recipient, body.data, reader_remaining(&body), error);
}

static EVP_PKEY *read_pem(const Secret *pem, const char *what, GError **error) {
  EVP_PKEY *key = p256_from_pem(secret_peek(pem), secret_len(pem), error);
  if (!key)
    g_prefix_error(error, "%s: ", what);
  return key;
}

RootKeys *handover_read(const Secret *temp_ca_pem, const Secret *root_ca_pem, const Secret *k256, GError **error) {
  g_autoptr(RootKeys) keys = g_new0(RootKeys, 1);
  if (!(keys->temp_ca = read_pem(temp_ca_pem, "received temp ca key", error)) ||
      !(keys->root_ca = read_pem(root_ca_pem, "received root ca key", error)))
    return NULL;
  if (!k256_scalar_valid(k256)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "received root k256 key: not a secp256k1 key");
    return NULL;
  }
  keys->k256 = secret_copy(k256);
  keys->rpc = p256_generate();
  return g_steal_pointer(&keys);
}

RootKeys *handover_open(const Secret *secret, GBytes *sealed, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(sealed, &len);
  g_autoptr(Secret) content = envelope_open(secret, data, len, error);
  if (!content) {
    g_prefix_error(error, "sealed root keys: ");
    return NULL;
  }
  Reader reader = reader_init(secret_peek(content), secret_len(content));
  guint8 label[LABEL_SIZE] = {0};
  reader_copy(&reader, label, sizeof label);
  if (memcmp(label, CONTENT_LABEL, sizeof label) != 0)
    reader_fail(&reader);
  g_autoptr(Secret) temp_ca = wire_get_secret(&reader, KMS_MAX_PEM);
  g_autoptr(Secret) root_ca = wire_get_secret(&reader, KMS_MAX_PEM);
  g_autoptr(Secret) k256 = secret_new_zero(K256_SCALAR_SIZE);
  reader_copy(&reader, secret_data(k256), K256_SCALAR_SIZE);
  return reader_finish(&reader, "sealed root keys", error) ? handover_read(temp_ca, root_ca, k256, error) : NULL;
}
