/* HKDF (RFC 5869) written out on HMAC: OpenSSL's own caps the info at 2 KiB, and key paths come from callers. */
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define SALT "RATLS"
#define HKDF_MAX_BLOCKS 255

static EVP_MAC_CTX *hmac_new(const void *key, gsize len) {
  EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
  EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_END};
  if (!context || EVP_MAC_init(context, key, len, params) != 1)
    g_error("the crypto library can not compute HMAC-SHA256");
  EVP_MAC_free(mac);
  return context;
}

static void hmac_update(EVP_MAC_CTX *context, const void *data, gsize len) {
  if (len && EVP_MAC_update(context, data, len) != 1)
    g_error("the crypto library can not compute HMAC-SHA256");
}

static void hmac_finish(EVP_MAC_CTX *context, guint8 out[SHA256_SIZE]) {
  size_t written;
  if (EVP_MAC_final(context, out, &written, SHA256_SIZE) != 1)
    g_error("the crypto library can not compute HMAC-SHA256");
  EVP_MAC_CTX_free(context);
}

static void extract(const Secret *ikm, guint8 prk[SHA256_SIZE]) {
  EVP_MAC_CTX *hmac = hmac_new(SALT, strlen(SALT));
  hmac_update(hmac, secret_peek(ikm), secret_len(ikm));
  hmac_finish(hmac, prk);
}

Secret *kdf_ratls(const Secret *ikm, const KdfContext *context, gsize n_context, gsize out_len) {
  g_assert(out_len <= HKDF_MAX_BLOCKS * SHA256_SIZE);
  guint8 prk[SHA256_SIZE], block[SHA256_SIZE];
  extract(ikm, prk);
  Secret *out = secret_new_zero(out_len);
  for (gsize done = 0, i = 1; done < out_len; i++) {
    EVP_MAC_CTX *hmac = hmac_new(prk, sizeof prk);
    hmac_update(hmac, block, i == 1 ? 0 : sizeof block);
    for (gsize item = 0; item < n_context; item++)
      hmac_update(hmac, context[item].data, context[item].len);
    hmac_update(hmac, &(guint8){(guint8)i}, 1);
    hmac_finish(hmac, block);
    gsize n = MIN(sizeof block, out_len - done);
    memcpy(secret_data(out) + done, block, n);
    done += n;
  }
  secret_wipe(prk, sizeof prk);
  secret_wipe(block, sizeof block);
  return out;
}
