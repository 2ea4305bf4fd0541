/* Tests of GetKey's derivation: the vectors of the spec (prpc-and-agent-api 13). */
#include "base/error.h"
#include "base/hex.h"
#include "guest-agent/app_key_cache.h"
#include "guest-agent/tls_key.h"
#include "tdx/report_data.h"

#include <string.h>

#define FIXTURE_KEY "e0e5d254fb944dcc370a2e5288b336a1e809871545a73ee645368957fefa31f9"

static AppKeys *keys_of(const char *k256_hex) {
  AppKeys *keys = g_new0(AppKeys, 1);
  keys->k256_key = secret_new_zero(32);
  g_assert_true(hex_decode_fixed(k256_hex, secret_data(keys->k256_key), 32, NULL));
  return keys;
}

static void assert_hex(const void *data, gsize len, const char *expected) {
  g_autofree char *text = hex_encode(data, len);
  g_assert_cmpstr(text, ==, expected);
}

static void test_k256(void) {
  static const struct {
    const char *path, *purpose, *key, *public_key, *signature;
  } rows[] = {
      {"", "", "38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c",
       "03a907a097e19f27b9c320acfa90e744c24c6c0fd73c07faf28d70ec633a985ac7",
       "9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c"
       "8"
       "16ff4a1f4ecb744b00"},
      {"/", "test", "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8",
       "0338e9e0eb1807def0d9b494bbf4b6e863ac8bb632e5dae1774056841e55e8e22a",
       "f9c2004974b741bd7b7c926ea6a8e071bf06ecf921c5bd55826f35874cf2fea602c11b5eba8128293f4aa0911bd817bda3428c67929dc76"
       "1"
       "f4f2068809ada46901"},
      {"test/wallet", "ethereum", "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9",
       "037b77d4930cb105b07af2fd9605313c2eea5e2f8f2d47502f6f4a53501490f1cd",
       "aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03"
       "e"
       "7f03d440dcfa236501"},
      {"test/signing", "solana", "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f",
       "036a5296857b163a9b7ad9de95cbcb854898cb37e2969320c259a9edda598e412c",
       "d428fc0829f9f1dbac550a58064adf4c65eeecae778fe1240fae366ae77a4268467f9f405ea1e1103991b463fd99e0fa5dd7f256254268e"
       "0"
       "55995f9043f7e8b701"},
      {"/test/path", "test-purpose", "50e62363110ce0c1ec0546671fd06c6b8a2c71a2af6467d34ac56d57170c9581",
       "039aa5e9849930bb46f72bc6a06bf569546cf116795da0a679b98ff54627285fac",
       "5ddfe43b56ff5dcaf4ce97ac1cf1f0cf38dc13d1f973fc0d3920068fde42c499320deba46037279c390444de88609ace95e931898a45480"
       "1"
       "84dbd2f9a9fde8b101"},
  };
  g_autoptr(AppKeys) keys = keys_of(FIXTURE_KEY);
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(AppKey) key = app_key_derive(keys, rows[i].path, rows[i].purpose, APP_KEY_K256, NULL);
    assert_hex(secret_peek(key->key), secret_len(key->key), rows[i].key);
    assert_hex(key->public_key, key->public_len, rows[i].public_key);
    assert_hex(key->signature, sizeof key->signature, rows[i].signature);
  }
}

static void test_ed25519(void) {
  g_autoptr(AppKeys) keys = keys_of(FIXTURE_KEY);
  g_autoptr(AppKey) key = app_key_derive(keys, "/", "test", APP_KEY_ED25519, NULL);
  assert_hex(secret_peek(key->key), 32, "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8");
  assert_hex(key->public_key, key->public_len, "80a95a07d5d895a79ed1a73c93af7ba635083ea5e2378b0ffa956e9147f923f8");
  assert_hex(
      key->signature, sizeof key->signature,
      "e21e071be10136235a25cbca3ecae3ae27fc4dd6136a30640cdd6b04b008d506071443b5be6e39c73927661780dc693d305cb5cefce625db"
      "0a73ab275f42e05e01");
  g_autoptr(AppKeys) others = keys_of("1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b");
  g_autoptr(AppKey) vms = app_key_derive(others, "vms", "signing", APP_KEY_ED25519, NULL);
  assert_hex(secret_peek(vms->key), 32, "9db79b3fefe69f2a7b7efbc908c854bf845a629023361f2c9cb3db09fb99010f");
  assert_hex(vms->public_key, 32, "e4f6eb7b50267f586ba765766db7ca9487f1a506f6a49026ae09a1c605681bdb");
  assert_hex(
      vms->signature, sizeof vms->signature,
      "48fb33c6219be3732b90a69241f45e875d481a98e2d68353807a197c35f56ed07ef4629cc730667fa9b4eaad9091c4690ce390d8afd0f9e5"
      "c3ecc1ac206cda1100");
}

static void test_app_public_key(void) {
  g_autoptr(AppKeys) keys = keys_of(FIXTURE_KEY);
  g_autoptr(AppKey) key = app_key_derive(keys, "a", "b", APP_KEY_K256, NULL);
  g_autofree char *public_hex = hex_encode(key->public_key, key->public_len);
  g_autofree char *message = g_strconcat("b:", public_hex, NULL);
  guint8 recovered[K256_PUBLIC_SIZE];
  g_assert_true(k256_recover_message(message, strlen(message), key->signature, recovered, NULL));
  assert_hex(recovered, sizeof recovered, "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810");
}

/* The app's key is certified by the KMS's: the fixture of the reference, and that of its newer tree. */
static void test_issued(void) {
  static const struct {
    const char *key, *public_key, *app_id, *signature, *issuer;
  } rows[] = {
      {FIXTURE_KEY, "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810",
       "ea549f02e1a25fabd1cb788380e033ec5461b2ff",
       "2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d"
       "2405ace433624e5568e23c4ed291dbaf60dac79b756837c0fe745154ebfdc0a601",
       "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b"},
      {"d6e88992cdeeee35fe70b5db61ab66cdb191fb9b6ec9313757ef162dd7214d5d",
       "02818494263695e8839122dbd88e281d7380622999df4e60a14befa0f2d096fc7c", "5bb4ff9a3837357f19dc176407a5709c62eb6c56",
       "9e618603e72d01fedb82deff6daf2d62a572becf0059eec3f89c1ab40e1f2e59"
       "4d2a283f843f34e8f39e4cc49a612496ce67223a12ac923f8efe330346dfc6c500",
       "0321529e458424ab1f710a3a57ec4dad2fb195ddca572f7469242ba6c7563085b6"},
  };
  static const char prefix[] = "dstack-kms-issued:";
  const gsize prefix_len = sizeof prefix - 1;
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(AppKeys) keys = keys_of(rows[i].key);
    guint8 message[sizeof prefix - 1 + 20 + K256_PUBLIC_SIZE], signature[K256_SIGNATURE_SIZE], issuer[K256_PUBLIC_SIZE];
    memcpy(message, prefix, prefix_len);
    g_assert_true(hex_decode_fixed(rows[i].app_id, message + prefix_len, 20, NULL));
    g_assert_true(k256_public(keys->k256_key, message + prefix_len + 20, NULL));
    assert_hex(message + prefix_len + 20, K256_PUBLIC_SIZE, rows[i].public_key);
    g_assert_true(hex_decode_fixed(rows[i].signature, signature, sizeof signature, NULL));
    g_assert_true(k256_recover_message(message, sizeof message, signature, issuer, NULL));
    assert_hex(issuer, sizeof issuer, rows[i].issuer);
  }
}

static void test_algorithms(void) {
  static const char *const k256_names[] = {"", "secp256k1", "k256"};
  AppKeyAlgorithm algorithm;
  for (guint i = 0; i < G_N_ELEMENTS(k256_names); i++)
    g_assert_true(app_key_algorithm(k256_names[i], &algorithm, NULL) && algorithm == APP_KEY_K256);
  g_assert_true(app_key_algorithm("ed25519", &algorithm, NULL) && algorithm == APP_KEY_ED25519);
  static const char *const others[] = {"ED25519", "secp256k1_prehashed", "p256", " "};
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(app_key_algorithm(others[i], &algorithm, &error));
    g_assert_true(g_str_has_prefix(error->message, "unsupported algorithm: expected "));
  }
}

static void test_tls_key_of_path(void) {
  g_autoptr(AppKeys) keys = keys_of(FIXTURE_KEY);
  g_autoptr(EVP_PKEY) key = tls_key_of_path(keys, "/", NULL);
  g_autoptr(Secret) pem = p256_to_pem(key);
  const char *expected = "-----BEGIN PRIVATE KEY-----\n"
                         "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs\n"
                         "OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip\n"
                         "goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1\n"
                         "-----END PRIVATE KEY-----\n";
  g_assert_cmpmem(secret_peek(pem), secret_len(pem), expected, strlen(expected));
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(GBytes) spki = p256_spki(key);
  report_data_ratls(spki, report_data);
  assert_hex(report_data, sizeof report_data,
             "e4412d461185a344bba8407c2bcff500b63728b7ca2c8e09c9415ffd0b66b8cc6eb06c86b6c2669f9ea5ec76ffbf82c704564a668"
             "16fd0458"
             "cd9a67ff65fc7da");
}

static void assert_from_cache(AppKeyCache *cache, const AppKeys *keys, const char *path, const char *purpose,
                              const char *algorithm) {
  AppKeyAlgorithm parsed;
  g_assert_true(app_key_algorithm(algorithm, &parsed, NULL));
  g_autoptr(AppKey) fresh = app_key_derive(keys, path, purpose, parsed, NULL);
  for (int i = 0; i < 2; i++) {
    g_autoptr(AppKey) kept = app_key_cache_get(cache, path, purpose, algorithm, NULL);
    g_assert_true(secret_equal(kept->key, fresh->key));
    g_assert_cmpmem(kept->public_key, kept->public_len, fresh->public_key, fresh->public_len);
    g_assert_cmpmem(kept->signature, sizeof kept->signature, fresh->signature, sizeof fresh->signature);
  }
}

/* The cache answers what would be derived, also for requests that look alike. */
static void test_cache(void) {
  g_autoptr(AppKeys) keys = keys_of(FIXTURE_KEY);
  AppKeyCache *cache = app_key_cache_new(keys);
  static const char *const names[][2] = {{"a", "b"}, {"b", "a"}, {"a:b", ""}, {"", "a:b"}, {"b:a", "a"}, {"a", "a:b"}};
  for (int round = 0; round < 2; round++)
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
      assert_from_cache(cache, keys, names[i][0], names[i][1], "");
      assert_from_cache(cache, keys, names[i][0], names[i][1], "ed25519");
    }
  g_autofree char *long_path = g_strnfill(100000, 'p');
  assert_from_cache(cache, keys, long_path, "", "k256");
  for (int i = 0; i < 200; i++) {
    g_autofree char *path = g_strdup_printf("%d", i % 150);
    assert_from_cache(cache, keys, path, "", "secp256k1");
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(app_key_cache_get(cache, "a", "b", "rsa", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  app_key_cache_free(cache);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/app-key/k256", test_k256);
  g_test_add_func("/app-key/ed25519", test_ed25519);
  g_test_add_func("/app-key/app-public-key", test_app_public_key);
  g_test_add_func("/app-key/issued", test_issued);
  g_test_add_func("/app-key/algorithms", test_algorithms);
  g_test_add_func("/app-key/cache", test_cache);
  g_test_add_func("/app-key/tls", test_tls_key_of_path);
  return g_test_run();
}
