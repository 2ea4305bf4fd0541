/* The C SDK against the agent, with the keys of the simulator. */
#include "bytes.h"
#include "dstack/dstack.h"
#include "k256.h"

#include <glib.h>
#include <string.h>

#define RTMR_OFFSET 376
#define REPORT_DATA_OFFSET 568
#define QUOTE_BODY_END 632

static void check_hex(const void *data, gsize size, const char *expected) {
  g_autofree char *hex = hex_encode(data, size);
  g_assert_cmpstr(hex, ==, expected);
}

static void check_ok(dstack_status status, const dstack_error *error) {
  if (status != DSTACK_OK)
    g_error("%s", error->message);
}

static void test_keys(void) {
  static const char *const vectors[][4] = {
      {"", "", "38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c",
       "9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c"
       "816ff4a1f4ecb74"
       "4b00"},
      {"/", "test", "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8",
       "f9c2004974b741bd7b7c926ea6a8e071bf06ecf921c5bd55826f35874cf2fea602c11b5eba8128293f4aa0911bd817bda3428c67929dc76"
       "1f4f2068809ada4"
       "6901"},
      {"test/wallet", "ethereum", "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9",
       "aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03"
       "e7f03d440dcfa23"
       "6501"},
      {"test/signing", "solana", "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f",
       "d428fc0829f9f1dbac550a58064adf4c65eeecae778fe1240fae366ae77a4268467f9f405ea1e1103991b463fd99e0fa5dd7f256254268e"
       "055995f9043f7e8"
       "b701"},
      {"/test/path", "test-purpose", "50e62363110ce0c1ec0546671fd06c6b8a2c71a2af6467d34ac56d57170c9581",
       "5ddfe43b56ff5dcaf4ce97ac1cf1f0cf38dc13d1f973fc0d3920068fde42c499320deba46037279c390444de88609ace95e931898a45480"
       "184dbd2f9a9fde8"
       "b101"},
  };
  dstack_client *client = dstack_client_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    dstack_key key;
    dstack_error error;
    check_ok(dstack_get_key(client, vectors[i][0], vectors[i][1], NULL, &key, &error), &error);
    check_hex(key.key, sizeof key.key, vectors[i][2]);
    g_assert_cmpuint(key.signature_chain.count, ==, 2);
    check_hex(key.signature_chain.items[0].data, key.signature_chain.items[0].size, vectors[i][3]);
    dstack_key_clear(&key);
  }
  dstack_client_free(client);
}

static void test_ed25519_key(void) {
  dstack_client *client = dstack_client_new(NULL);
  dstack_key key;
  dstack_error error;
  check_ok(dstack_get_key(client, "/", "test", "ed25519", &key, &error), &error);
  check_hex(key.key, sizeof key.key, "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8");
  check_hex(key.signature_chain.items[0].data, 65,
            "e21e071be10136235a25cbca3ecae3ae27fc4dd6136a30640cdd6b04b008d506071443b5be6e39c73927661780dc693d305cb5cefc"
            "e625db0a73ab27"
            "5f42e05e01");
  dstack_key_clear(&key);
  g_assert_cmpint(dstack_get_key(client, "/", "", "rsa", &key, &error), ==, DSTACK_REFUSED);
  g_assert_cmpint(error.http_status, ==, 400);
  dstack_client_free(client);
}

/* The recipe for verifiers: key, app, KMS. */
static void test_signature_chain(void) {
  static const char purpose[] = "test-purpose:", issued[] = "dstack-kms-issued:";
  dstack_client *client = dstack_client_new(NULL);
  dstack_key key;
  dstack_info info;
  dstack_ethereum_account account;
  dstack_error error;
  check_ok(dstack_get_key(client, "/test/path", "test-purpose", NULL, &key, &error), &error);
  check_ok(dstack_get_info(client, &info, &error), &error);
  check_ok(dstack_to_ethereum_account(&key, &account, &error), &error);
  guint8 compressed[33] = {account.public_key[64] & 1 ? 3 : 2};
  memcpy(compressed + 1, account.public_key + 1, 32);
  check_hex(compressed, sizeof compressed, "039aa5e9849930bb46f72bc6a06bf569546cf116795da0a679b98ff54627285fac");

  char message[sizeof purpose + 66] = "test-purpose:";
  guint8 app[33], kms[33], second[sizeof issued - 1 + 20 + 33];
  hex_encode_to(compressed, sizeof compressed, message + sizeof purpose - 1);
  g_assert_true(k256_recover(message, strlen(message), key.signature_chain.items[0].data, app));
  check_hex(app, sizeof app, "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810");
  memcpy(second, issued, sizeof issued - 1);
  g_assert_true(hex_decode_to(info.app_id, second + sizeof issued - 1, 20));
  memcpy(second + sizeof issued - 1 + 20, app, sizeof app);
  g_assert_true(k256_recover(second, sizeof second, key.signature_chain.items[1].data, kms));
  check_hex(kms, sizeof kms, "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b");
  dstack_key_clear(&key);
  dstack_info_clear(&info);
  dstack_ethereum_account_clear(&account);
  dstack_client_free(client);
}

static void check_replay(const dstack_quote *quote) {
  guint8 registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  dstack_error error;
  g_assert_cmpuint(quote->quote.size, >, QUOTE_BODY_END);
  check_ok(dstack_replay_rtmrs(quote->event_log, registers, &error), &error);
  g_assert_cmpmem(registers, sizeof registers, quote->quote.data + RTMR_OFFSET, REPORT_DATA_OFFSET - RTMR_OFFSET);
}

static void test_quote(void) {
  dstack_client *client = dstack_client_new(NULL);
  dstack_quote before, after;
  dstack_error error;
  check_ok(dstack_get_quote(client, "test", 4, &before, &error), &error);
  check_replay(&before);
  guint8 padded[64] = "test";
  g_assert_cmpmem(before.report_data, 64, padded, 64);
  g_assert_cmpmem(before.quote.data + REPORT_DATA_OFFSET, 64, padded, 64);
  g_assert_nonnull(strstr(before.vm_config, "os_image_hash"));
  check_ok(dstack_emit_event(client, "c-test", "payload", 7, &error), &error);
  check_ok(dstack_get_quote(client, NULL, 0, &after, &error), &error);
  check_replay(&after);
  g_assert_cmpint(memcmp(before.quote.data + RTMR_OFFSET, after.quote.data + RTMR_OFFSET, 192), !=, 0);
  dstack_quote_clear(&before);
  dstack_quote_clear(&after);
  dstack_client_free(client);
}

static void test_info(void) {
  dstack_client *client = dstack_client_new(NULL);
  dstack_info info;
  dstack_error error;
  check_ok(dstack_get_info(client, &info, &error), &error);
  g_assert_cmpstr(info.app_id, ==, "ea549f02e1a25fabd1cb788380e033ec5461b2ff");
  g_assert_cmpstr(info.app_name, ==, "kvin-nb");
  g_assert_cmpuint(strlen(info.tcb_info.rtmr3), ==, 96);
  g_assert_cmpuint(strlen(info.compose_hash), ==, 64);
  g_assert_cmpstr(info.tcb_info.app_compose, !=, "");
  guint8 registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE];
  check_ok(dstack_replay_rtmrs(info.tcb_info.event_log, registers, &error), &error);
  check_hex(registers[3], DSTACK_RTMR_SIZE, info.tcb_info.rtmr3);
  g_assert_true(dstack_is_reachable(client));
  dstack_info_clear(&info);
  dstack_client_free(client);
}

static void test_tls_key(void) {
  dstack_client *client = dstack_client_new(NULL);
  const char *const names[] = {"a.test", "b.test"};
  const dstack_tls_key_options options = {
      .subject = "c-test", .alt_names = names, .alt_name_count = 2, .usage_ra_tls = true};
  dstack_tls_key first, second;
  dstack_error error;
  guint8 scalar[32];
  check_ok(dstack_get_tls_key(client, &options, &first, &error), &error);
  check_ok(dstack_get_tls_key(client, NULL, &second, &error), &error);
  g_assert_true(g_str_has_prefix(first.key, "-----BEGIN PRIVATE KEY-----"));
  g_assert_cmpuint(first.certificate_chain.count, ==, 2);
  g_assert_cmpstr(first.key, !=, second.key);
  check_ok(dstack_tls_key_scalar(&first, scalar, &error), &error);
  dstack_tls_key_clear(&first);
  dstack_tls_key_clear(&second);
  dstack_client_free(client);
}

static void test_version(void) {
  dstack_client *client = dstack_client_new(NULL);
  dstack_version version;
  dstack_error error;
  check_ok(dstack_get_version(client, &version, &error), &error);
  g_assert_cmpstr(version.version, !=, "");
  dstack_version_clear(&version);
  dstack_client_free(client);
}

static void test_sign_and_verify(void) {
  dstack_client *client = dstack_client_new(NULL);
  static const char *const algorithms[] = {"ed25519", "secp256k1", "k256", "secp256k1_prehashed"};
  static const char data[] = "thirty-two bytes, as a digest is";
  dstack_error error;
  for (guint i = 0; i < G_N_ELEMENTS(algorithms); i++) {
    dstack_signature signature;
    bool valid = false, other = true;
    check_ok(dstack_sign(client, algorithms[i], data, 32, &signature, &error), &error);
    g_assert_cmpuint(signature.signature_chain.count, ==, 3);
    check_ok(dstack_verify(client, algorithms[i], data, 32, signature.signature.data, signature.signature.size,
                           signature.public_key.data, signature.public_key.size, &valid, &error),
             &error);
    check_ok(dstack_verify(client, algorithms[i], "another text of thirty-two bytes", 32, signature.signature.data,
                           signature.signature.size, signature.public_key.data, signature.public_key.size, &other,
                           &error),
             &error);
    g_assert_true(valid);
    g_assert_false(other);
    dstack_signature_clear(&signature);
  }
  dstack_client_free(client);
}

static void test_attest(void) {
  dstack_client *client = dstack_client_new(NULL);
  dstack_bytes attestation;
  dstack_error error;
  check_ok(dstack_attest(client, "test", 4, &attestation, &error), &error);
  g_assert_cmpuint(attestation.size, >, QUOTE_BODY_END);
  dstack_bytes_clear(&attestation);
  dstack_client_free(client);
}

static void test_gpu_info(void) {
  dstack_client *client = dstack_client_new(NULL);
  char *gpu;
  dstack_error error;
  check_ok(dstack_gpu_info(client, &gpu, &error), &error);
  dstack_string_free(gpu);
  dstack_client_free(client);
}

static void test_tappd(void) {
  static const struct {
    const char *algorithm, *report_data;
  } vectors[] = {
      {NULL, "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c"
             "36b803941e8e3485115e9b794001f2b9f367f6e03c52e532"},
      {"sha256", "a5d2ef1e94583bef4a02b29278af41b662d239beb36937a993108841b6b3c1fc"},
      {"sha384", "520c310d0fa18bedd24891ad191a9b785befe672f518d1c1a5b8d4b6cfb4f233815b825aaaa54663"
                 "34fe6e2fd3f2c6a4"},
      {"sha512", "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c"
                 "36b803941e8e3485115e9b794001f2b9f367f6e03c52e532"},
      {"sha3-256", "893acdd0162e33594df56553bea2079b99d7d562284f9eb7fd9458e2add81fe8"},
      {"sha3-384", "47b4d35de7240cf179ac5fde22464fa3a076e5142ba0f629b400602b5f2bfe7f01a1bf2d63ef5abb"
                   "ff50a381d7031be3"},
      {"sha3-512", "4ffccda90bf80d7dd814350ebd438f5b3b77aab1d387b27967778597794cc696311f5cd0f50697b7"
                   "96f621ee5c78784e5d847953f3f1120c48519ce6e4648b4c"},
      {"keccak256", "b877945563d5025eec520b6bb150efcf4c368c491ff1947529be3125d4e5ecb6"},
      {"keccak384", "a551aba3b52b345ceeaba78660e95318fd404f947efa8ce16134a9d7dd370248c7a8cf4711dce74e"
                    "8c4feb01abb45ea9"},
      {"keccak512", "6dd564fe70580e2476e2ecb78ba5f994b83f8178064257bba498dcab267c5c75135c6b8f268d9341"
                    "5ac8662db5104abccd51d30c0500da684a7550ae3f3b71c7"},
      {"raw", "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
              "0000000000000000"
              "74657374"},
  };
  dstack_client *client = dstack_tappd_client_new(NULL);
  dstack_tls_key key;
  dstack_info info;
  dstack_error error;
  guint8 scalar[32];
  check_ok(dstack_tappd_derive_key(client, "/", "test", NULL, 0, &key, &error), &error);
  check_ok(dstack_tls_key_scalar(&key, scalar, &error), &error);
  check_hex(scalar, sizeof scalar, "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8");
  dstack_tls_key_clear(&key);
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    dstack_quote quote;
    check_ok(dstack_tappd_tdx_quote(client, "test", 4, vectors[i].algorithm, &quote, &error), &error);
    check_replay(&quote);
    g_autofree char *zeros = g_strnfill(128 - strlen(vectors[i].report_data), '0');
    g_autofree char *expected = g_strconcat(vectors[i].report_data, zeros, NULL);
    check_hex(quote.quote.data + REPORT_DATA_OFFSET, 64, expected);
    dstack_quote_clear(&quote);
  }
  check_ok(dstack_tappd_get_info(client, &info, &error), &error);
  g_assert_cmpstr(info.app_id, !=, "");
  g_assert_true(dstack_is_reachable(client));
  dstack_info_clear(&info);
  dstack_client_free(client);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sdk-c/agent/keys", test_keys);
  g_test_add_func("/sdk-c/agent/ed25519-key", test_ed25519_key);
  g_test_add_func("/sdk-c/agent/signature-chain", test_signature_chain);
  g_test_add_func("/sdk-c/agent/quote", test_quote);
  g_test_add_func("/sdk-c/agent/info", test_info);
  g_test_add_func("/sdk-c/agent/tls-key", test_tls_key);
  g_test_add_func("/sdk-c/agent/version", test_version);
  g_test_add_func("/sdk-c/agent/sign-and-verify", test_sign_and_verify);
  g_test_add_func("/sdk-c/agent/attest", test_attest);
  g_test_add_func("/sdk-c/agent/gpu-info", test_gpu_info);
  g_test_add_func("/sdk-c/agent/tappd", test_tappd);
  return g_test_run();
}
