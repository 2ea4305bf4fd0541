/* What a deployer does offline: encrypting the environment, and checking the key for that. */
#include "bytes.h"
#include "encrypt_env_vars.h"
#include "k256.h"
#include "verify_env_encrypt_public_key.h"

#include <glib.h>
#include <string.h>

#define PUBLIC_KEY "298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06"
#define ZERO_APP "0000000000000000000000000000000000000000"
#define TIMED_APP "abababababababababababababababababababab"
#define LEGACY_SIGNER "0x0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f"
#define TIMED_SIGNER "0x031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f"
#define TIMED_AT 1700000000

static void from_hex(const char *hex, uint8_t *out, gsize size) { g_assert_true(hex_decode_to(hex, out, size)); }

static void test_encryption_vector(void) {
  uint8_t public_key[32], ephemeral[32], iv[12];
  from_hex(PUBLIC_KEY, public_key, sizeof public_key);
  memset(ephemeral, 0x77, sizeof ephemeral);
  from_hex("000102030405060708090a0b", iv, sizeof iv);
  const dstack_env_var variables[] = {{"FOO", "bar"}, {"MSG", "Hello 世界"}};
  char *encrypted = NULL;
  g_assert_cmpint(encrypt_env_vars_with(variables, 2, public_key, ephemeral, iv, &encrypted, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(
      encrypted, ==,
      "1cf579aba45a10ba1d1ef06d91fca2aa9ed0a1150515653155405d0b18cb9a67000102030405060708090a0bb3b0442824225323d917c8"
      "63c93fbe0d9f2e9867b334d69b34c7489b9a87c3f3c53c545fcfc5a1c819277baed0814fba7b8da935159fadf5802dde530881c1beb46b"
      "d77eb38de81d00388b02f10e199b9d920d01ed3f0f3cc5bf");
  dstack_string_free(encrypted);
}

static void test_encryption(void) {
  char *first = NULL, *second = NULL;
  g_assert_cmpint(dstack_encrypt_env_vars(NULL, 0, PUBLIC_KEY, &first, NULL), ==, DSTACK_OK);
  g_assert_cmpint(dstack_encrypt_env_vars(NULL, 0, "0x" PUBLIC_KEY, &second, NULL), ==, DSTACK_OK);
  g_assert_cmpuint(strlen(first), ==, 2 * (60 + strlen("{\"env\":[]}")));
  g_assert_cmpstr(first, !=, second);
  dstack_string_free(first);
  dstack_string_free(second);
  const char *const bad[] = {"", "29", PUBLIC_KEY "00",
                             "zz8710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06",
                             "0000000000000000000000000000000000000000000000000000000000000000"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_cmpint(dstack_encrypt_env_vars(NULL, 0, bad[i], &first, NULL), ==, DSTACK_INVALID);
  const dstack_env_var not_utf8 = {"A", "\xff"};
  g_assert_cmpint(dstack_encrypt_env_vars(&not_utf8, 1, PUBLIC_KEY, &first, NULL), ==, DSTACK_INVALID);
}

typedef struct {
  uint8_t key[40], signature[65];
} Signed;

static Signed legacy(void) {
  Signed input = {0};
  from_hex("e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a", input.key, 32);
  from_hex("8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed7a5e7111652004aef37f7fd92fbfc1285212c4ae6a6"
           "154203a48"
           "f5e16cad2cef00",
           input.signature, 65);
  return input;
}

static void check_hash(const void *rest, gsize size, const char *expected) {
  g_autoptr(GByteArray) message = g_byte_array_new();
  g_byte_array_append(message, (const guint8 *)"dstack-env-encrypt-pubkey:", 26);
  g_byte_array_append(message, rest, (guint)size);
  uint8_t hash[KECCAK256_SIZE];
  keccak256(message->data, message->len, hash);
  g_autofree char *text = hex_encode(hash, sizeof hash);
  g_assert_cmpstr(text, ==, expected);
}

/* What the signatures below are over. */
static void test_hashes(void) {
  uint8_t app_and_key[52] = {0}, with_time[60];
  from_hex("e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a", app_and_key + 20, 32);
  check_hash(app_and_key, sizeof app_and_key, "0c3ffb367db2f1350a6d0e3d6e186280e455705556c5978f552020ced51a4f41");
  memset(with_time, 0xab, 20);
  from_hex("000000006553f100", with_time + 20, 8);
  memset(with_time + 28, 0xde, 32);
  check_hash(with_time, sizeof with_time, "78c189bed752d03b91387a08bcc892f396affe70e7433129da6f03cdff8c7f11");
}

static dstack_status verify_legacy(const Signed *input, const char *app_id, const char *expected, char *signer) {
  return dstack_verify_env_encrypt_public_key(input->key, 32, input->signature, 65, app_id, expected, signer, NULL);
}

static void test_signer(void) {
  Signed input = legacy();
  const char *const apps[] = {ZERO_APP, "0x" ZERO_APP, "0X" ZERO_APP};
  const char *const expected[] = {NULL, LEGACY_SIGNER, &LEGACY_SIGNER[2]};
  for (guint i = 0; i < 3; i++) {
    char signer[DSTACK_SIGNER_TEXT_SIZE] = "";
    g_assert_cmpint(verify_legacy(&input, apps[i], expected[i], signer), ==, DSTACK_OK);
    g_assert_cmpstr(signer, ==, LEGACY_SIGNER);
    input.signature[64] = 27; /* Ethereum's form of 0 */
  }
}

static void test_no_signer(void) {
  char signer[DSTACK_SIGNER_TEXT_SIZE];
  Signed input = legacy(), zero = input, recovery = input;
  memset(zero.signature, 0, sizeof zero.signature);
  recovery.signature[64] = 2;
  g_assert_cmpint(verify_legacy(&zero, ZERO_APP, NULL, signer), ==, DSTACK_UNVERIFIED);
  g_assert_cmpint(verify_legacy(&recovery, ZERO_APP, NULL, signer), ==, DSTACK_UNVERIFIED);
  g_assert_cmpint(verify_legacy(&input, ZERO_APP, TIMED_SIGNER, signer), ==, DSTACK_UNVERIFIED);
  const char *const bad_apps[] = {"", "zz" ZERO_APP, &ZERO_APP[2], ZERO_APP "0011223344556677", "0x0x" ZERO_APP};
  for (guint i = 0; i < G_N_ELEMENTS(bad_apps); i++)
    g_assert_cmpint(verify_legacy(&input, bad_apps[i], NULL, signer), ==, DSTACK_UNVERIFIED);
  g_assert_cmpint(
      dstack_verify_env_encrypt_public_key_legacy(input.key, 40, input.signature, 65, ZERO_APP, NULL, signer, NULL), ==,
      DSTACK_UNVERIFIED);
  g_assert_cmpint(
      dstack_verify_env_encrypt_public_key(input.key, 32, input.signature, 64, ZERO_APP, NULL, signer, NULL), ==,
      DSTACK_UNVERIFIED);
}

static dstack_status verify_timed(uint64_t timestamp, uint64_t max_age, const char *expected, char *signer) {
  uint8_t key[32], signature[65];
  memset(key, 0xde, sizeof key);
  from_hex("c9e643b59985ab43c0ae4ec75e302d9d7a70abe0212f9928d5fc56563aa56b5415271d9ea4dd8d02125359dae4267d704c374ba72a8"
           "29bece6e1"
           "6b5e3cdfc9f600",
           signature, 65);
  return dstack_verify_env_encrypt_public_key_with_timestamp(key, 32, signature, 65, TIMED_APP, timestamp, max_age,
                                                             expected, signer, NULL);
}

static void test_signer_with_time(void) {
  char signer[DSTACK_SIGNER_TEXT_SIZE] = "";
  g_assert_cmpint(verify_timed(TIMED_AT, UINT64_MAX, TIMED_SIGNER, signer), ==, DSTACK_OK);
  g_assert_cmpstr(signer, ==, TIMED_SIGNER);
  g_assert_cmpint(verify_timed(TIMED_AT, DSTACK_DEFAULT_MAX_AGE_SECONDS, NULL, signer), ==, DSTACK_UNVERIFIED);
  /* The time is part of what is signed. */
  g_assert_cmpint(verify_timed(TIMED_AT + 1, UINT64_MAX, TIMED_SIGNER, signer), ==, DSTACK_UNVERIFIED);
}

static void test_time(void) {
  g_assert_cmpint(check_signature_time(TIMED_AT, TIMED_AT + 300, 300, NULL), ==, DSTACK_OK);
  g_assert_cmpint(check_signature_time(TIMED_AT, TIMED_AT + 301, 300, NULL), ==, DSTACK_UNVERIFIED);
  g_assert_cmpint(check_signature_time(TIMED_AT, TIMED_AT - 60, 300, NULL), ==, DSTACK_OK);
  g_assert_cmpint(check_signature_time(TIMED_AT, TIMED_AT - 61, 300, NULL), ==, DSTACK_UNVERIFIED);
  g_assert_cmpint(check_signature_time(TIMED_AT, TIMED_AT, 0, NULL), ==, DSTACK_OK);
  g_assert_cmpint(check_signature_time(TIMED_AT, TIMED_AT + 1, 0, NULL), ==, DSTACK_UNVERIFIED);
  g_assert_cmpint(check_signature_time(UINT64_MAX, TIMED_AT, 300, NULL), ==, DSTACK_UNVERIFIED);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sdk-c/environment/encryption-vector", test_encryption_vector);
  g_test_add_func("/sdk-c/environment/encryption", test_encryption);
  g_test_add_func("/sdk-c/environment/hashes", test_hashes);
  g_test_add_func("/sdk-c/environment/signer", test_signer);
  g_test_add_func("/sdk-c/environment/no-signer", test_no_signer);
  g_test_add_func("/sdk-c/environment/signer-with-time", test_signer_with_time);
  g_test_add_func("/sdk-c/environment/time", test_time);
  return g_test_run();
}
