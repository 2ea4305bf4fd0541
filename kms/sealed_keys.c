#include "kms/sealed_keys.h"

#include "kms/wire.h"

#include "base/error.h"
#include "crypto/envelope.h"

#include <string.h>

#define CONTENT_LABEL "dstack-kms-root-keys-v1:"
#define LABEL_SIZE (sizeof CONTENT_LABEL - 1)
#define K256_SIZE 32

void sealed_keys_clear(SealedKeys *keys) {
  g_clear_pointer(&keys->temp_ca, secret_free);
  g_clear_pointer(&keys->root_ca, secret_free);
  g_clear_pointer(&keys->k256, secret_free);
}

GBytes *sealed_keys_seal(const SealedKeys *keys, const guint8 recipient[KMS_RECIPIENT_SIZE], GError **error) {
  g_autoptr(WireBuffer) content = wire_buffer_new(0);
  wire_put_fixed(content, CONTENT_LABEL, LABEL_SIZE);
  wire_put_secret(content, keys->temp_ca);
  wire_put_secret(content, keys->root_ca);
  wire_put_fixed(content, secret_peek(keys->k256), K256_SIZE);
  Reader body = wire_body(content);
  return envelope_seal(recipient, body.data, reader_remaining(&body), error);
}

gboolean sealed_keys_open(const Secret *secret, GBytes *sealed, SealedKeys *out, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(sealed, &len);
  g_autoptr(Secret) content = envelope_open(secret, data, len, error);
  if (!content) {
    g_prefix_error(error, "sealed root keys: ");
    return FALSE;
  }
  Reader reader = reader_init(secret_peek(content), secret_len(content));
  const guint8 *label = reader_take(&reader, LABEL_SIZE);
  if (!label || memcmp(label, CONTENT_LABEL, LABEL_SIZE) != 0)
    reader_fail(&reader);
  out->temp_ca = wire_get_secret(&reader, KMS_MAX_PEM);
  out->root_ca = wire_get_secret(&reader, KMS_MAX_PEM);
  out->k256 = secret_new_zero(K256_SIZE);
  reader_copy(&reader, secret_data(out->k256), K256_SIZE);
  return reader_finish(&reader, "sealed root keys", error);
}

void sealed_keys_statement(const guint8 recipient[KMS_RECIPIENT_SIZE], guint8 out[KMS_RECIPIENT_STATEMENT_SIZE]) {
  memcpy(out, KMS_RECIPIENT_LABEL, sizeof KMS_RECIPIENT_LABEL - 1);
  memcpy(out + sizeof KMS_RECIPIENT_LABEL - 1, recipient, KMS_RECIPIENT_SIZE);
}
