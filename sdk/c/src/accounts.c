#include "bytes.h"
#include "fail.h"
#include "k256.h"

#include <openssl/evp.h>
#include <string.h>

void dstack_ethereum_account_clear(dstack_ethereum_account *account) { explicit_bzero(account, sizeof *account); }
void dstack_solana_keypair_clear(dstack_solana_keypair *keypair) { explicit_bzero(keypair, sizeof *keypair); }

/* EIP-55: a letter is a capital when the digit at its place in the Keccak-256 of the lower-case text is 8 or more. */
static void write_address(const uint8_t address[20], char text[43]) {
  uint8_t checksum[KECCAK256_SIZE];
  text[0] = '0';
  text[1] = 'x';
  hex_encode_to(address, 20, text + 2);
  keccak256(text + 2, 40, checksum);
  for (unsigned i = 0; i < 40; i++)
    if (text[2 + i] >= 'a' && (checksum[i / 2] >> (i % 2 ? 0 : 4) & 15) >= 8)
      text[2 + i] += 'A' - 'a';
}

dstack_status dstack_to_ethereum_account(const dstack_key *key, dstack_ethereum_account *account, dstack_error *error) {
  uint8_t digest[KECCAK256_SIZE];
  if (!k256_public(key->key, account->public_key))
    return fail(error, DSTACK_INVALID, "the key is not a secp256k1 scalar");
  memcpy(account->private_key, key->key, sizeof account->private_key);
  keccak256(account->public_key + 1, sizeof account->public_key - 1, digest);
  memcpy(account->address, digest + 12, sizeof account->address);
  write_address(account->address, account->address_text);
  return DSTACK_OK;
}

dstack_status dstack_to_solana_keypair(const dstack_key *key, dstack_solana_keypair *keypair, dstack_error *error) {
  size_t size = sizeof keypair->public_key;
  EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->key, sizeof key->key);
  bool done = pair && EVP_PKEY_get_raw_public_key(pair, keypair->public_key, &size);
  EVP_PKEY_free(pair);
  if (!done)
    return fail_memory(error);
  memcpy(keypair->secret_key, key->key, sizeof key->key);
  memcpy(keypair->secret_key + sizeof key->key, keypair->public_key, sizeof keypair->public_key);
  return DSTACK_OK;
}
