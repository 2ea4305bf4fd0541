#include "crypto/envelope.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/p256.h"

#include <string.h>

#define IV_SIZE 12
#define TAG_SIZE 16
#define ENVELOPE_MAX_PLAINTEXT (64 * 1024 * 1024)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

static EVP_PKEY *private_key(const guint8 secret[X25519_SIZE]) {
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, X25519_SIZE);
  if (!key)
    g_error("the crypto library has no X25519");
  return key;
}

void x25519_public(const guint8 secret[X25519_SIZE], guint8 out[X25519_SIZE]) {
  g_autoptr(EVP_PKEY) key = private_key(secret);
  size_t len = X25519_SIZE;
  if (EVP_PKEY_get_raw_public_key(key, out, &len) != 1)
    g_error("the crypto library can not compute X25519");
}

/* NULL for an all-zero result, which OpenSSL refuses by itself. */
static Secret *shared_secret(const guint8 secret[X25519_SIZE], const guint8 peer[X25519_SIZE], GError **error) {
  g_autoptr(EVP_PKEY) own = private_key(secret);
  g_autoptr(EVP_PKEY) other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_SIZE);
  g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
  g_autoptr(Secret) shared = secret_new_zero(X25519_SIZE);
  size_t len = X25519_SIZE;
  if (!other || !context || EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer(context, other) != 1 ||
      EVP_PKEY_derive(context, secret_data(shared), &len) != 1 || len != X25519_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "x25519 public key has a small order");
    return NULL;
  }
  return g_steal_pointer(&shared);
}

static void encrypt(const Secret *key, const guint8 iv[IV_SIZE], const void *plaintext, gsize len, guint8 *out) {
  g_autoptr(EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new();
  int written = 0, rest = 0;
  if (!context || EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, secret_peek(key), iv) != 1 ||
      (len && EVP_EncryptUpdate(context, out, &written, plaintext, (int)len) != 1) ||
      EVP_EncryptFinal_ex(context, out + written, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + len) != 1)
    g_error("the crypto library can not compute AES-256-GCM");
}

GBytes *envelope_seal_with(const guint8 public_key[X25519_SIZE], const guint8 ephemeral_secret[X25519_SIZE],
                           const guint8 iv[12], const void *plaintext, gsize len, GError **error) {
  if (len > ENVELOPE_MAX_PLAINTEXT) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "plaintext is over %d bytes", ENVELOPE_MAX_PLAINTEXT);
    return NULL;
  }
  g_autoptr(Secret) shared = shared_secret(ephemeral_secret, public_key, error);
  if (!shared)
    return NULL;
  guint8 *out = g_malloc(len + ENVELOPE_OVERHEAD);
  x25519_public(ephemeral_secret, out);
  memcpy(out + X25519_SIZE, iv, IV_SIZE);
  encrypt(shared, iv, plaintext, len, out + X25519_SIZE + IV_SIZE);
  return g_bytes_new_take(out, len + ENVELOPE_OVERHEAD);
}

GBytes *envelope_seal(const guint8 public_key[X25519_SIZE], const void *plaintext, gsize len, GError **error) {
  g_autoptr(Secret) ephemeral = secret_new_random(X25519_SIZE);
  g_autoptr(Secret) iv = secret_new_random(IV_SIZE);
  return envelope_seal_with(public_key, secret_peek(ephemeral), secret_peek(iv), plaintext, len, error);
}

static Secret *decrypt(const Secret *key, const guint8 *iv, const guint8 *ciphertext, gsize len, const guint8 *tag) {
  g_autoptr(EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new();
  g_autoptr(Secret) out = secret_new_zero(len);
  int written = 0, rest = 0;
  if (!context || EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, secret_peek(key), iv) != 1 ||
      (len && EVP_DecryptUpdate(context, secret_data(out), &written, ciphertext, (int)len) != 1) ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, (void *)tag) != 1 ||
      EVP_DecryptFinal_ex(context, secret_data(out) + written, &rest) != 1)
    return NULL;
  return g_steal_pointer(&out);
}

Secret *envelope_open(const Secret *secret, const void *envelope, gsize len, GError **error) {
  if (secret_len(secret) != X25519_SIZE || len < ENVELOPE_OVERHEAD || len - ENVELOPE_OVERHEAD > ENVELOPE_MAX_PLAINTEXT) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "envelope: wrong length of the %s",
                secret_len(secret) != X25519_SIZE ? "key" : "ciphertext");
    return NULL;
  }
  Reader reader = reader_init(envelope, len);
  const guint8 *ephemeral = reader_take(&reader, X25519_SIZE);
  const guint8 *iv = reader_take(&reader, IV_SIZE);
  const guint8 *ciphertext = reader_take(&reader, len - ENVELOPE_OVERHEAD);
  const guint8 *tag = reader_take(&reader, TAG_SIZE);
  g_autoptr(Secret) shared = shared_secret(secret_peek(secret), ephemeral, error);
  if (!shared)
    return NULL;
  Secret *plaintext = decrypt(shared, iv, ciphertext, len - ENVELOPE_OVERHEAD, tag);
  if (!plaintext)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "envelope: made for another key, or altered");
  return plaintext;
}
