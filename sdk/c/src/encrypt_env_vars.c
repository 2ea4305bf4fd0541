#include "encrypt_env_vars.h"

#include "bytes.h"
#include "fail.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define TAG_SIZE 16
#define HEADER_SIZE (X25519_SIZE + IV_SIZE)

/* {"env":[{"key":…,"value":…},…]}; NULL when a text is not UTF-8 or memory ran out. */
static char *variables_json(const dstack_env_var *variables, size_t count) {
  json_t *list = json_array(), *root = json_pack("{s:o}", "env", list);
  bool complete = root;
  for (size_t i = 0; complete && i < count; i++)
    complete =
        json_array_append_new(list, json_pack("{s:s, s:s}", "key", variables[i].key, "value", variables[i].value)) == 0;
  char *text = complete ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  return text;
}

/* FALSE for a key of small order, which OpenSSL refuses. */
static bool agree(EVP_PKEY *own, const uint8_t public_key[X25519_SIZE], uint8_t shared[X25519_SIZE]) {
  EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, X25519_SIZE);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
  size_t size = X25519_SIZE;
  bool done = peer && context && EVP_PKEY_derive_init(context) > 0 && EVP_PKEY_derive_set_peer(context, peer) > 0 &&
              EVP_PKEY_derive(context, shared, &size) > 0;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(peer);
  static const uint8_t zero[X25519_SIZE];
  return done && memcmp(shared, zero, sizeof zero) != 0;
}

/* Writes ciphertext || tag behind the header in `out`. */
static bool seal(const uint8_t key[X25519_SIZE], const uint8_t iv[IV_SIZE], const char *plaintext, size_t size,
                 uint8_t *out) {
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int written = 0, more = 0;
  bool done = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, iv) &&
              EVP_EncryptUpdate(context, out, &written, (const uint8_t *)plaintext, (int)size) &&
              EVP_EncryptFinal_ex(context, out + written, &more) &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + size);
  EVP_CIPHER_CTX_free(context);
  return done;
}

static dstack_status seal_text(const char *plaintext, const uint8_t public_key[X25519_SIZE], EVP_PKEY *own,
                               const uint8_t iv[IV_SIZE], char **encrypted, dstack_error *error) {
  size_t size = strlen(plaintext), own_size = X25519_SIZE;
  uint8_t shared[X25519_SIZE];
  if (size > INT32_MAX)
    return fail(error, DSTACK_INVALID, "the variables are too large");
  if (!agree(own, public_key, shared))
    return fail(error, DSTACK_INVALID, "the public key is of small order");
  uint8_t *out = malloc(HEADER_SIZE + size + TAG_SIZE);
  bool done = out && EVP_PKEY_get_raw_public_key(own, out, &own_size);
  if (done) {
    memcpy(out + X25519_SIZE, iv, IV_SIZE);
    done = seal(shared, iv, plaintext, size, out + HEADER_SIZE);
  }
  char *text = done ? hex_encode(out, HEADER_SIZE + size + TAG_SIZE) : NULL;
  explicit_bzero(shared, sizeof shared);
  free(out);
  if (!text)
    return fail_memory(error);
  *encrypted = text;
  return DSTACK_OK;
}

dstack_status encrypt_env_vars_with(const dstack_env_var *variables, size_t count,
                                    const uint8_t public_key[X25519_SIZE], const uint8_t ephemeral[X25519_SIZE],
                                    const uint8_t iv[IV_SIZE], char **encrypted, dstack_error *error) {
  EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, ephemeral, X25519_SIZE);
  char *plaintext = variables_json(variables, count);
  dstack_status status;
  if (!own)
    status = fail_memory(error);
  else if (!plaintext)
    status = fail(error, DSTACK_INVALID, "a variable is not UTF-8, or memory ran out");
  else
    status = seal_text(plaintext, public_key, own, iv, encrypted, error);
  wipe_string(plaintext);
  EVP_PKEY_free(own);
  return status;
}

dstack_status dstack_encrypt_env_vars(const dstack_env_var *variables, size_t count, const char *public_key,
                                      char **encrypted, dstack_error *error) {
  uint8_t peer[X25519_SIZE], ephemeral[X25519_SIZE], iv[IV_SIZE];
  if (!hex_decode_to(hex_skip_prefix(public_key), peer, sizeof peer))
    return fail(error, DSTACK_INVALID, "the public key is not hex of 32 bytes");
  if (RAND_priv_bytes(ephemeral, sizeof ephemeral) != 1 || RAND_bytes(iv, sizeof iv) != 1)
    return fail(error, DSTACK_NO_MEMORY, "no random numbers");
  dstack_status status = encrypt_env_vars_with(variables, count, peer, ephemeral, iv, encrypted, error);
  explicit_bzero(ephemeral, sizeof ephemeral);
  return status;
}
