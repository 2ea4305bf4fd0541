#include "verify_env_encrypt_public_key.h"

#include "bytes.h"
#include "fail.h"
#include "k256.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PREFIX "dstack-env-encrypt-pubkey:"
#define PREFIX_SIZE (sizeof PREFIX - 1)
#define APP_ID_SIZE 20
#define PUBLIC_KEY_SIZE 32
#define TIME_SIZE 8
#define FUTURE_SKEW_SECONDS 60

dstack_status check_signature_time(uint64_t timestamp, uint64_t now, uint64_t max_age_seconds, dstack_error *error) {
  if (timestamp > now && timestamp - now > FUTURE_SKEW_SECONDS)
    return fail(error, DSTACK_UNVERIFIED, "the timestamp is %" PRIu64 " seconds in the future", timestamp - now);
  if (timestamp < now && now - timestamp > max_age_seconds)
    return fail(error, DSTACK_UNVERIFIED, "the timestamp is %" PRIu64 " seconds old", now - timestamp);
  return DSTACK_OK;
}

static dstack_status check_expected(const uint8_t found[K256_COMPRESSED_SIZE], const char *expected,
                                    char signer[DSTACK_SIGNER_TEXT_SIZE], dstack_error *error) {
  char text[DSTACK_SIGNER_TEXT_SIZE] = "0x";
  hex_encode_to(found, K256_COMPRESSED_SIZE, text + 2);
  if (expected && strcasecmp(hex_skip_prefix(expected), text + 2) != 0)
    return fail(error, DSTACK_UNVERIFIED, "the signer is %s, not the one expected", text);
  memcpy(signer, text, sizeof text);
  return DSTACK_OK;
}

/* `timestamp` is NULL in the legacy form. */
static dstack_status verify(const void *public_key, size_t public_key_size, const void *signature,
                            size_t signature_size, const char *app_id, const uint64_t *timestamp,
                            const char *expected_signer, char signer[DSTACK_SIGNER_TEXT_SIZE], dstack_error *error) {
  uint8_t message[PREFIX_SIZE + APP_ID_SIZE + TIME_SIZE + PUBLIC_KEY_SIZE] = PREFIX, *at = message + PREFIX_SIZE;
  uint8_t found[K256_COMPRESSED_SIZE];
  if (public_key_size != PUBLIC_KEY_SIZE || signature_size != K256_SIGNATURE_SIZE)
    return fail(error, DSTACK_UNVERIFIED, "expected a public key of 32 bytes and a signature of 65");
  if (!hex_decode_to(hex_skip_prefix(app_id), at, APP_ID_SIZE))
    return fail(error, DSTACK_UNVERIFIED, "the app id is not hex of 20 bytes");
  at += APP_ID_SIZE;
  for (int shift = 56; timestamp && shift >= 0; shift -= 8)
    *at++ = (uint8_t)(*timestamp >> shift);
  memcpy(at, public_key, PUBLIC_KEY_SIZE);
  if (!k256_recover(message, (size_t)(at + PUBLIC_KEY_SIZE - message), signature, found))
    return fail(error, DSTACK_UNVERIFIED, "no key made the signature");
  return check_expected(found, expected_signer, signer, error);
}

dstack_status dstack_verify_env_encrypt_public_key(const void *public_key, size_t public_key_size,
                                                   const void *signature, size_t signature_size, const char *app_id,
                                                   const char *expected_signer, char signer[DSTACK_SIGNER_TEXT_SIZE],
                                                   dstack_error *error) {
  return verify(public_key, public_key_size, signature, signature_size, app_id, NULL, expected_signer, signer, error);
}

dstack_status dstack_verify_env_encrypt_public_key_legacy(const void *public_key, size_t public_key_size,
                                                          const void *signature, size_t signature_size,
                                                          const char *app_id, const char *expected_signer,
                                                          char signer[DSTACK_SIGNER_TEXT_SIZE], dstack_error *error) {
  return verify(public_key, public_key_size, signature, signature_size, app_id, NULL, expected_signer, signer, error);
}

dstack_status dstack_verify_env_encrypt_public_key_with_timestamp(const void *public_key, size_t public_key_size,
                                                                  const void *signature, size_t signature_size,
                                                                  const char *app_id, uint64_t timestamp,
                                                                  uint64_t max_age_seconds, const char *expected_signer,
                                                                  char signer[DSTACK_SIGNER_TEXT_SIZE],
                                                                  dstack_error *error) {
  dstack_status status = check_signature_time(timestamp, (uint64_t)time(NULL), max_age_seconds, error);
  return status != DSTACK_OK ? status
                             : verify(public_key, public_key_size, signature, signature_size, app_id, &timestamp,
                                      expected_signer, signer, error);
}
