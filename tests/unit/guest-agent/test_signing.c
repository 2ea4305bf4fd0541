/* Tests of Sign, Verify and the quotes of signing keys: the vectors of the spec (prpc-and-agent-api 13), and what is refused. */
#include "base/error.h"
#include "base/hex.h"
#include "guest-agent/ed25519.h"
#include "guest-agent/signing.h"
#include "guest-agent/signing_quote.h"

#include <string.h>

#define APP_KEY "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b"
#define BYTES(array) ((SigningBytes){array, sizeof array})

static AppKeys *make_keys(void) {
  AppKeys *keys = g_new0(AppKeys, 1);
  keys->k256_key = secret_new_zero(32);
  g_assert_true(hex_decode_fixed(APP_KEY, secret_data(keys->k256_key), 32, NULL));
  return keys;
}

static void assert_hex(const void *data, gsize len, const char *expected) {
  g_autofree char *text = hex_encode(data, len);
  g_assert_cmpstr(text, ==, expected);
}

static gboolean verify(SigningAlgorithm algorithm, SigningBytes key, SigningBytes data, SigningBytes signature) {
  gboolean valid = FALSE;
  g_autoptr(GError) error = NULL;
  g_assert_true(signing_verify(algorithm, key, data, signature, &valid, &error));
  g_assert_no_error(error);
  return valid;
}

static void assert_meaningless(SigningAlgorithm algorithm, SigningBytes key, SigningBytes signature) {
  gboolean valid;
  g_autoptr(GError) error = NULL;
  g_assert_false(signing_verify(algorithm, key, (SigningBytes){"x", 1}, signature, &valid, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_vectors(void) {
  static const struct {
    SigningAlgorithm algorithm;
    const char *message, *signature, *public_key, *key_signature;
  } rows[] = {
      {SIGNING_K256, "test message for secp256k1",
       "33ed2fd6821f9be4f818c7c9d453782a72ed54e94e5abfa51e677621f0e8dead"
       "6101738f036784c3eb928bcb3a0732645925da98624ae244cb46b1e2c5953dbb",
       NULL,
       "96c843fc9a4970f206a4e478f6d2f909f680bd8252ea9813d3f5aabe654682f3"
       "1333ff2a8e8f16ea1c88a704b4de4b0feb58527687be42ca1cf2f476a997401201"},
      {SIGNING_ED25519, "test message for ed25519",
       "625b773751c91a967978761804b0ce44b33ed5885a4808d5deea90bfaa2b632d"
       "b2d776ddf13679c11c9a7c3a75e741a9ee72dbbcc4b65e28a2ef864c20230004",
       "e4f6eb7b50267f586ba765766db7ca9487f1a506f6a49026ae09a1c605681bdb",
       "48fb33c6219be3732b90a69241f45e875d481a98e2d68353807a197c35f56ed0"
       "7ef4629cc730667fa9b4eaad9091c4690ce390d8afd0f9e5c3ecc1ac206cda1100"},
  };
  g_autoptr(AppKeys) keys = make_keys();
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(AppKey) key = signing_key(keys, rows[i].algorithm, NULL);
    guint8 signature[SIGNING_SIGNATURE_SIZE];
    gsize len = strlen(rows[i].message);
    g_assert_true(signing_sign(key, rows[i].algorithm, rows[i].message, len, signature, NULL));
    assert_hex(signature, sizeof signature, rows[i].signature);
    assert_hex(key->signature, sizeof key->signature, rows[i].key_signature);
    if (rows[i].public_key)
      assert_hex(key->public_key, key->public_len, rows[i].public_key);
    SigningBytes public_key = {key->public_key, key->public_len};
    g_assert_true(verify(rows[i].algorithm, public_key, (SigningBytes){rows[i].message, len}, BYTES(signature)));
    g_assert_false(verify(rows[i].algorithm, public_key, (SigningBytes){rows[i].message, len - 1}, BYTES(signature)));
    guint8 empty[SIGNING_SIGNATURE_SIZE];
    g_assert_true(signing_sign(key, rows[i].algorithm, NULL, 0, empty, NULL));
    g_assert_true(verify(rows[i].algorithm, public_key, (SigningBytes){NULL, 0}, BYTES(empty)));
  }
}

static void test_prehashed(void) {
  g_autoptr(AppKeys) keys = make_keys();
  g_autoptr(AppKey) key = signing_key(keys, SIGNING_K256_PREHASHED, NULL);
  guint8 digest[33] = {1, 2, 3}, signature[SIGNING_SIGNATURE_SIZE];
  g_assert_true(signing_sign(key, SIGNING_K256_PREHASHED, digest, 32, signature, NULL));
  SigningBytes public_key = {key->public_key, key->public_len};
  g_assert_true(verify(SIGNING_K256_PREHASHED, public_key, (SigningBytes){digest, 32}, BYTES(signature)));
  for (gsize len = 0; len <= sizeof digest; len++) {
    g_autoptr(GError) error = NULL;
    guint8 other[SIGNING_SIGNATURE_SIZE];
    g_assert_cmpint(signing_sign(key, SIGNING_K256_PREHASHED, digest, len, other, &error), ==, len == 32);
    g_assert_true(len == 32 || strstr(error->message, "32-byte digest"));
    g_assert_cmpint(verify(SIGNING_K256_PREHASHED, public_key, (SigningBytes){digest, len}, BYTES(signature)), ==,
                    len == 32);
  }
}

static void test_algorithms(void) {
  SigningAlgorithm algorithm;
  g_assert_true(signing_algorithm("k256", &algorithm, NULL) && algorithm == SIGNING_K256);
  g_assert_true(signing_algorithm("secp256k1_prehashed", &algorithm, NULL) && algorithm == SIGNING_K256_PREHASHED);
  static const char *const others[] = {"", "K256", "rsa", "ed25519 "};
  for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(signing_algorithm(others[i], &algorithm, &error));
    g_assert_true(g_str_has_prefix(error->message, "unsupported algorithm: expected "));
  }
}

/* ---- hostile keys and signatures ---- */

static const guint8 k256_order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                                      0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};

/* out = order - s: the other signature of the same message. */
static void negate(const guint8 s[32], guint8 out[32]) {
  int borrow = 0;
  for (int i = 31; i >= 0; i--) {
    int difference = k256_order[i] - s[i] - borrow;
    borrow = difference < 0;
    out[i] = (guint8)(difference + (borrow ? 256 : 0));
  }
}

static void test_hostile_k256(void) {
  g_autoptr(AppKeys) keys = make_keys();
  g_autoptr(AppKey) key = signing_key(keys, SIGNING_K256, NULL);
  guint8 good[64], high_s[64], zero_r[64], over_s[64];
  g_assert_true(signing_sign(key, SIGNING_K256, "x", 1, good, NULL));
  SigningBytes public_key = {key->public_key, key->public_len}, message = {"x", 1};
  memcpy(high_s, good, 64);
  negate(good + 32, high_s + 32);
  g_assert_false(verify(SIGNING_K256, public_key, message, BYTES(high_s)));
  memcpy(zero_r, good, 64);
  memset(zero_r, 0, 32);
  assert_meaningless(SIGNING_K256, public_key, BYTES(zero_r));
  memcpy(over_s, good, 64);
  memcpy(over_s + 32, k256_order, 32);
  assert_meaningless(SIGNING_K256, public_key, BYTES(over_s));
  assert_meaningless(SIGNING_K256, public_key, (SigningBytes){good, 63});
  assert_meaningless(SIGNING_K256, public_key, (SigningBytes){NULL, 0});
  guint8 no_point[33] = {2}, hybrid[65] = {6};
  assert_meaningless(SIGNING_K256, BYTES(no_point), BYTES(good));
  assert_meaningless(SIGNING_K256, BYTES(hybrid), BYTES(good));
  assert_meaningless(SIGNING_K256, (SigningBytes){NULL, 0}, BYTES(good));
  assert_meaningless(SIGNING_K256, (SigningBytes){key->public_key, 32}, BYTES(good));
}

static void test_hostile_ed25519(void) {
  g_autoptr(AppKeys) keys = make_keys();
  g_autoptr(AppKey) key = signing_key(keys, SIGNING_ED25519, NULL);
  guint8 good[64], over_s[64], no_point[32] = {2};
  g_assert_true(signing_sign(key, SIGNING_ED25519, "x", 1, good, NULL));
  SigningBytes public_key = {key->public_key, key->public_len}, message = {"x", 1};
  memcpy(over_s, good, 64);
  memset(over_s + 32, 0xff, 31);
  over_s[63] = 0x1f;
  g_assert_false(verify(SIGNING_ED25519, public_key, message, BYTES(over_s)));
  assert_meaningless(SIGNING_ED25519, BYTES(no_point), BYTES(good)); /* y = 2 is no point's */
  assert_meaningless(SIGNING_ED25519, (SigningBytes){key->public_key, 31}, BYTES(good));
  assert_meaningless(SIGNING_ED25519, public_key, (SigningBytes){good, 65});
}

/* ---- quotes of signing keys ---- */

static void test_report_data(void) {
  static const struct {
    SigningAlgorithm algorithm;
    const char *text;
  } rows[] = {{SIGNING_ED25519, "dip1::ed25519-pk:5Pbre1Amf1hrp2V2bbfKlIfxpQb2pJAmrgmhxgVoG9s"},
              {SIGNING_K256, "dip1::secp256k1c-pk:A6t_JdVkVdMAocH3f1f20WGT6JzdntxcXimUtEax8zc9"}};
  g_autoptr(AppKeys) keys = make_keys();
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(AppKey) key = signing_key(keys, rows[i].algorithm, NULL);
    guint8 report_data[TDX_REPORT_DATA_SIZE], expected[TDX_REPORT_DATA_SIZE] = {0};
    memcpy(expected, rows[i].text, strlen(rows[i].text));
    signing_report_data(key->public_key, key->public_len, report_data);
    g_assert_cmpmem(report_data, sizeof report_data, expected, sizeof expected);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/signing/vectors", test_vectors);
  g_test_add_func("/signing/prehashed", test_prehashed);
  g_test_add_func("/signing/algorithms", test_algorithms);
  g_test_add_func("/signing/hostile-k256", test_hostile_k256);
  g_test_add_func("/signing/hostile-ed25519", test_hostile_ed25519);
  g_test_add_func("/signing/report-data", test_report_data);
  return g_test_run();
}
