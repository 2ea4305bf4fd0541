/* Certificate requests. The input is signed here with a key of our own that replaces the one inside, so that the fuzzer
 * gets past the signature; what is then read must encode to the same bytes. */
#include "ratls/csr.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

/* Where a request with the right confirm word has its public key. */
#define KEY_AT 20

static EVP_PKEY *fixed_key(void) {
  static EVP_PKEY *key;
  if (!key) {
    g_autoptr(Secret) scalar = secret_new_zero(32);
    memset(secret_data(scalar), 7, 32);
    key = p256_from_scalar(scalar, NULL);
  }
  return key;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len) {
  g_autoptr(GBytes) spki = p256_spki(fixed_key());
  g_autofree guint8 *copy = g_memdup2(data, len);
  if (len >= KEY_AT + P256_SPKI_SIZE)
    memcpy(copy + KEY_AT, g_bytes_get_data(spki, NULL), P256_SPKI_SIZE);
  g_autoptr(GBytes) encoded = g_bytes_new(copy, len), signature = p256_sign(fixed_key(), copy, len);
  for (guint version = 1; version <= 2; version++) {
    g_autoptr(RatlsCsr) csr = ratls_csr_open(version, encoded, signature, NULL);
    if (!csr)
      continue;
    g_autoptr(GBytes) again = ratls_csr_encode(csr);
    g_assert_true(g_bytes_equal(again, encoded));
  }
  return 0;
}
