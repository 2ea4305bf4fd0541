/* Envelopes opened with a fixed key. */
#include "crypto/envelope.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len) {
  g_autoptr(Secret) secret = secret_new_zero(X25519_SIZE);
  memset(secret_data(secret), 0x42, X25519_SIZE);
  g_autoptr(Secret) plaintext = envelope_open(secret, data, len, NULL);
  if (plaintext)
    g_assert_cmpuint(secret_len(plaintext), ==, len - ENVELOPE_OVERHEAD);
  return 0;
}
