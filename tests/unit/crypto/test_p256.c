/* Tests of lib/crypto: P-256 and its encodings. Vectors: spec kms 4.5, prpc-and-agent-api 13, guest-os 7.5. */
#include "base/error.h"
#include "crypto/p256.h"
#include "vectors.h"

#include <openssl/ec.h>
#include <string.h>

#define ROOT "f57527cea4ab7ffb49af99b158cdc0e3ec06398f528349ea236b7d2afe19cec1"
#define ROOT_PKCS8                                                                                                      \
  "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420" ROOT                                     \
  "a1440342000491f50522407ce29dce3ed7d31a15d80c1c42f13a23552d2b33a0ce09ee11e47bce95936f3e7f80d195f879e28e1b144ef37ac9" \
  "ab8e36a690cbf930b775897b27"
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static EVP_PKEY *key_of(const char *scalar_hex) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) scalar = unhex_secret(scalar_hex);
  EVP_PKEY *key = p256_from_scalar(scalar, &error);
  g_assert_no_error(error);
  return key;
}

static void assert_derived_hash(EVP_PKEY *parent, const KdfContext *context, gsize n, const char *expected) {
  g_autoptr(EVP_PKEY) child = p256_derive(parent, context, n, NULL);
  g_assert_nonnull(child);
  g_autoptr(Secret) der = p256_pkcs8(child);
  guint8 hash[SHA256_SIZE];
  digest_sha256(secret_peek(der), secret_len(der), hash);
  assert_hex(hash, sizeof hash, expected);
}

static void test_derive(void) {
  g_autoptr(EVP_PKEY) root = key_of(ROOT);
  g_autoptr(Secret) der = p256_pkcs8(root);
  assert_secret_hex(der, ROOT_PKCS8);
  const KdfContext context[] = {{"context one", 11}, {"context two", 11}};
  g_autoptr(EVP_PKEY) child = p256_derive(root, context, 2, NULL);
  g_autoptr(Secret) scalar = p256_scalar(child);
  assert_secret_hex(scalar, "b60ac47b8fcfbdf96031b9e94f0b60cfe9de05eccb5a1dca41a26f757833c0e7");
  assert_derived_hash(root, context, 2, "663afd58820be8ad645f9c035e93199d114ab16f738db62393bc1d7d623e8813");
}

/* spec kms 4.5, vectors 2 and 4: disk keys with and without an instance id, env secrets. */
static void test_app_keys(void) {
  const struct {
    const char *root, *app_id, *disk, *disk_shared, *env;
  } known[] = {
      {"d4f60214a61f0e651fbf97e4b2da696ac7f898f1aa9f3d1f1282c49c6c7c0a72", "ea549f02e1a25fabd1cb788380e033ec5461b2ff",
       "1122e1f340c19407adc5ec531ac98d72bcf702bf7858f6fa49b5be79b61e4d5b",
       "11f1de97e3c4830a456c631e372088ab015be771d253b07bee189a3209dabf65",
       "ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa"},
      {ROOT, "32467b43bfa67273fc7ddda0999ee9a12f2aaa08", "728911cc4cb0157c1f0cb997cf852e8a43be9e65251776aec86f693d806d2208",
       "25155a3dca865aa1802565d9ce6996157414d9f9dfa55eaef4582b4f7536e5cc",
       "269c9f918fcaa38117c05eeb4de53c515114b419e89b2e350cd3f69b751165d6"},
  };
  g_autoptr(GBytes) instance = unhex("59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a");
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autoptr(EVP_PKEY) root = key_of(known[i].root);
    g_autoptr(GBytes) app = unhex(known[i].app_id);
    const KdfContext id = {g_bytes_get_data(app, NULL), 20}, disk = {"app-disk-crypt-key", 18};
    assert_derived_hash(root, (KdfContext[]){id, {g_bytes_get_data(instance, NULL), 20}, disk}, 3, known[i].disk);
    assert_derived_hash(root, (KdfContext[]){id, {"", 0}, disk}, 3, known[i].disk_shared);
    assert_derived_hash(root, (KdfContext[]){id, {"env-encrypt-key", 15}}, 2, known[i].env);
  }
}

static void test_scalar_range(void) {
  g_autoptr(GError) error = NULL;
  const char *const bad[] = {"0000000000000000000000000000000000000000000000000000000000000000", ORDER,
                             "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "01", "",
                             "000000000000000000000000000000000000000000000000000000000000000001"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(Secret) scalar = unhex_secret(bad[i]);
    g_assert_null(p256_from_scalar(scalar, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
  }
  g_autoptr(EVP_PKEY) last = key_of("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
  g_autoptr(EVP_PKEY) first = key_of("0000000000000000000000000000000000000000000000000000000000000001");
  g_autoptr(Secret) scalar = p256_scalar(first);
  g_assert_cmpuint(secret_len(scalar), ==, 32);
  g_assert_nonnull(last);
}

static void test_spki(void) {
  g_autoptr(EVP_PKEY) root = key_of(ROOT);
  g_autoptr(GBytes) spki = p256_spki(root);
  assert_bytes_hex(spki, "3059301306072a8648ce3d020106082a8648ce3d0301070342000491f50522407ce29dce3ed7d31a15d80c1c42f13a2355"
                         "2d2b33a0ce09ee11e47bce95936f3e7f80d195f879e28e1b144ef37ac9ab8e36a690cbf930b775897b27");
  gsize len;
  const guint8 *der = g_bytes_get_data(spki, &len);
  g_autoptr(EVP_PKEY) same = p256_from_spki(der, len, NULL);
  g_assert_cmpint(EVP_PKEY_eq(root, same), ==, 1);
  for (gsize cut = 0; cut < len; cut++)
    g_assert_null(p256_from_spki(der, cut, NULL));
  for (gsize i = 0; i < len; i++) { /* every flip leaves the form or the curve */
    guint8 flipped[P256_SPKI_SIZE + 1];
    memcpy(flipped, der, len);
    g_assert_null(p256_from_spki(flipped, len + 1, NULL));
    flipped[i] ^= 1;
    g_assert_null(p256_from_spki(flipped, len, NULL));
  }
}

static void test_pem(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) ikm = unhex_secret("e0e5d254fb944dcc370a2e5288b336a1e809871545a73ee645368957fefa31f9");
  g_autoptr(Secret) scalar = kdf_ratls(ikm, (KdfContext[]){{"/", 1}}, 1, 32);
  g_autoptr(EVP_PKEY) key = p256_from_scalar(scalar, NULL);
  g_autoptr(Secret) pem = p256_to_pem(key);
  const char *expected = "-----BEGIN PRIVATE KEY-----\n"
                         "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs\n"
                         "OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip\n"
                         "goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1\n"
                         "-----END PRIVATE KEY-----\n";
  g_assert_cmpmem(secret_peek(pem), secret_len(pem), expected, strlen(expected));
  g_autofree char *framed = g_strdup_printf("a comment\r\n%s\nmore", expected);
  g_autoptr(EVP_PKEY) same = p256_from_pem(framed, strlen(framed), &error);
  g_assert_no_error(error);
  g_assert_cmpint(EVP_PKEY_eq(key, same), ==, 1);
  for (gsize cut = 0; cut < strlen(expected) - 1; cut++)
    g_assert_null(p256_from_pem(expected, cut, NULL));
}

static void assert_pem_refused(const guint8 *der, gsize len) {
  g_autoptr(GError) error = NULL;
  g_autofree char *base64 = g_base64_encode(der, len);
  g_autofree char *pem = g_strdup_printf("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
  g_assert_null(p256_from_pem(pem, strlen(pem), &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_pem_refuses(void) {
  g_autoptr(GBytes) good = unhex(ROOT_PKCS8);
  guint8 der[P256_PKCS8_SIZE + 1];
  for (gsize i = 0; i < P256_PKCS8_SIZE; i++) { /* also: a public key of another scalar */
    memcpy(der, g_bytes_get_data(good, NULL), P256_PKCS8_SIZE);
    der[i] ^= 1;
    assert_pem_refused(der, P256_PKCS8_SIZE);
  }
  assert_pem_refused(der, P256_PKCS8_SIZE - 1);
  assert_pem_refused(der, P256_PKCS8_SIZE + 1);
  const char *const texts[] = {"", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
                               "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
                               "-----BEGIN PRIVATE KEY-----\nMIG=HAgE\n-----END PRIVATE KEY-----\n",
                               "-----BEGIN PRIVATE KEY-----\nMIGHA\n-----END PRIVATE KEY-----\n",
                               "-----BEGIN EC PRIVATE KEY-----\nMIGH\n-----END EC PRIVATE KEY-----\n",
                               "-----END PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\n"};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_assert_null(p256_from_pem(texts[i], strlen(texts[i]), NULL));
}

static void test_sign(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) signature = p256_sign(key, "message", 7);
  gsize len;
  const guint8 *der = g_bytes_get_data(signature, &len);
  g_assert_true(p256_verify(key, "message", 7, der, len));
  g_assert_false(p256_verify(key, "massage", 7, der, len));
  for (gsize cut = 0; cut < len; cut++)
    g_assert_false(p256_verify(key, "message", 7, der, cut));
  guint8 raw[64], point[65];
  p256_sign_raw(key, "message", 7, raw);
  p256_point(key, point);
  g_assert_true(p256_verify_raw(point + 1, "message", 7, raw));
  g_assert_false(p256_verify_raw(point + 1, "message", 6, raw));
  for (gsize i = 0; i < 64; i++) {
    raw[i] ^= 1;
    g_assert_false(p256_verify_raw(point + 1, "message", 7, raw));
    raw[i] ^= 1;
    point[1 + i] ^= 1;
    g_assert_false(p256_verify_raw(point + 1, "message", 7, raw));
    point[1 + i] ^= 1;
  }
  const guint8 zero[64] = {0};
  g_assert_false(p256_verify_raw(point + 1, "message", 7, zero));
  g_assert_false(p256_verify_raw(zero, "message", 7, raw));
}

static void test_other_keys(void) {
  g_autoptr(EVP_PKEY) p384 = EVP_EC_gen("secp384r1");
  g_autoptr(EVP_PKEY) x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
  g_autoptr(EVP_PKEY) p256 = p256_generate();
  g_assert_true(p256_is(p256));
  g_assert_false(p256_is(p384));
  g_assert_false(p256_is(x25519));
  g_assert_false(p256_verify(x25519, "m", 1, "s", 1));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/crypto/p256/derive", test_derive);
  g_test_add_func("/crypto/p256/app-keys", test_app_keys);
  g_test_add_func("/crypto/p256/scalar-range", test_scalar_range);
  g_test_add_func("/crypto/p256/spki", test_spki);
  g_test_add_func("/crypto/p256/pem", test_pem);
  g_test_add_func("/crypto/p256/pem-refuses", test_pem_refuses);
  g_test_add_func("/crypto/p256/sign", test_sign);
  g_test_add_func("/crypto/p256/other-keys", test_other_keys);
  return g_test_run();
}
