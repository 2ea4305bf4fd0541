/* Tests of lib/crypto: secp256k1. Vectors: spec kms 4.5, prpc-and-agent-api 13, supervisor-and-cli C.3, guest-os 7.5. */
#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/k256.h"
#include "vectors.h"

#include <string.h>

/* The group order n. */
#define ORDER "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

static Secret *repeated(guint8 byte) {
  Secret *secret = secret_new_zero(32);
  memset(secret_data(secret), byte, 32);
  return secret;
}

static void test_range(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) zero = secret_new_zero(32);
  g_autoptr(Secret) order = unhex_secret(ORDER);
  g_autoptr(Secret) below = unhex_secret("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140");
  g_autoptr(Secret) brief = secret_new("\x01", 1);
  guint8 point[K256_PUBLIC_SIZE], signature[K256_SIGNATURE_SIZE];
  g_assert_true(k256_scalar_valid(below));
  for (Secret **bad = (Secret *[]){zero, order, brief, NULL}; *bad; bad++) {
    g_assert_false(k256_scalar_valid(*bad));
    g_assert_false(k256_public(*bad, point, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(k256_sign_message(*bad, "m", 1, signature, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(k256_even_y(*bad, NULL));
  }
  g_autoptr(Secret) fresh = k256_generate();
  g_assert_true(k256_scalar_valid(fresh));
}

/* spec kms 4.5, vector 4: what a KMS derives and signs for one app. */
static void test_issued_key(void) {
  g_autoptr(Secret) root = repeated(0x5e);
  g_autoptr(GBytes) app_id = unhex("32467b43bfa67273fc7ddda0999ee9a12f2aaa08");
  const KdfContext context[] = {{g_bytes_get_data(app_id, NULL), 20}, {"app-key", 7}};
  g_autoptr(Secret) app_key = kdf_ratls(root, context, 2, 32);
  assert_secret_hex(app_key, "76b82988a91e19c10a033e0bfd67cd2dfc4cad0f923a4f19673a00b0ccf96159");
  guint8 app_point[K256_PUBLIC_SIZE], root_point[K256_PUBLIC_SIZE], signature[K256_SIGNATURE_SIZE];
  g_assert_true(k256_public(app_key, app_point, NULL) && k256_public(root, root_point, NULL));
  assert_hex(app_point, sizeof app_point, "024d3fb954896dd66fa8c8849e8c61fea57d368dc3e003fffe6908935885e3472e");
  assert_hex(root_point, sizeof root_point, "035f64993ccb4044a005e82ba07e78b2815a6a17aa7d5ad62fd59d519778072483");
  g_autoptr(GBytes) message = unhex("64737461636b2d6b6d732d6973737565643a32467b43bfa67273fc7ddda0999ee9a12f2aaa08"
                                    "024d3fb954896dd66fa8c8849e8c61fea57d368dc3e003fffe6908935885e3472e");
  gsize len;
  const void *data = g_bytes_get_data(message, &len);
  guint8 digest[32];
  digest_keccak256(data, len, digest);
  assert_hex(digest, 32, "ea8762ee281caa04ef424abc086abd828fac230e12e43f04e998df1b1b874e17");
  g_assert_true(k256_sign_message(root, data, len, signature, NULL));
  assert_hex(signature, sizeof signature,
             "63ca7d04aba0f6e04c1275604e826af4b8768fbcd52e995ca6b4fdd1734ecfd1"
             "1752df5c12bc7c97b1ee79899dc36ad9ed477feac49706f6921e410cdfc33bf700");
  guint8 recovered[K256_PUBLIC_SIZE];
  g_assert_true(k256_recover_message(data, len, signature, recovered, NULL));
  g_assert_cmpmem(recovered, sizeof recovered, root_point, sizeof root_point);
}

/* The other signatures of vector 4, and the two of supervisor-and-cli C.3. */
static void test_env_key_signatures(void) {
  const struct {
    guint8 signer;
    const char *message_tail, *digest, *signature;
  } known[] = {
      {0x5e,
       "32467b43bfa67273fc7ddda0999ee9a12f2aaa08ade6dc1cc31efc26ed78224bd5b25b283f2e1a61dac99190905a54e1b800cd1e",
       "80b92e59ac973337d67369fdb92ca2121c812507d6cd90510850d49094c2c5ee",
       "b27d7a404a715717f1fe60d98143a1efcc2b99122bd5c4f9d3125205c9b234b8183aba554207f29ab2faed82b51eb662b07ef95ed399820b"
       "77647151cfccbcd901"},
      {0x5e,
       "32467b43bfa67273fc7ddda0999ee9a12f2aaa0800000000688bea80"
       "ade6dc1cc31efc26ed78224bd5b25b283f2e1a61dac99190905a54e1b800cd1e",
       "de87dd57a4a4cc13403b4cb7f35fb85e9f6b7d45ba78834a3b989791f2851287",
       "dc73368cda3610381277715b62fad158cac8ea835c3b300a58a5656a05e9de1b1630d524100aec786593792fd6ab6b54c6884c63ba56d4db"
       "ed21fb80a4c68f7100"},
      {0x01,
       "0000000000000000000000000000000000000000000000006553f100"
       "e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a",
       "7a6a763d89b2f8f31cdb858202c9a48bcf7c0292e92d487d049280f52d49ef7b",
       "0e1ed612d5f880bf0036f6ed488aff24fdcdab6f81de790f3f015758652de51c0c4734039c4ac66372f429fd5a00d569ea35b435d987138a"
       "04b66e42d675a6a501"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autoptr(Secret) signer = repeated(known[i].signer);
    g_autoptr(GBytes) tail = unhex(known[i].message_tail);
    g_autoptr(GByteArray) message = g_byte_array_new();
    g_byte_array_append(message, (const guint8 *)"dstack-env-encrypt-pubkey:", 26);
    g_byte_array_append(message, g_bytes_get_data(tail, NULL), (guint)g_bytes_get_size(tail));
    guint8 digest[32], signature[K256_SIGNATURE_SIZE];
    digest_keccak256(message->data, message->len, digest);
    assert_hex(digest, sizeof digest, known[i].digest);
    g_assert_true(k256_sign_digest(signer, digest, signature, NULL));
    assert_hex(signature, sizeof signature, known[i].signature);
  }
}

/* Made by other implementations. */
static void test_recover_foreign(void) {
  const struct {
    const char *message, *signature, *signer;
  } known[] = {
      {"64737461636b2d656e762d656e63727970742d7075626b65793a0000000000000000000000000000000000000000"
       "e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a",
       "8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed7a5e7111652004aef37f7fd92fbfc1285212c4ae6a615420"
       "3a48f5e16cad2cef00",
       "0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f"},
      {"64737461636b2d6b6d732d6973737565643aea549f02e1a25fabd1cb788380e033ec5461b2ff"
       "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810",
       "2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d2405ace433624e5568e23c4ed291dbaf60dac79b756837c0"
       "fe745154ebfdc0a601",
       "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autoptr(GBytes) message = unhex(known[i].message);
    g_autoptr(GBytes) signature = unhex(known[i].signature);
    guint8 raw[K256_SIGNATURE_SIZE], signer[K256_PUBLIC_SIZE];
    memcpy(raw, g_bytes_get_data(signature, NULL), sizeof raw);
    for (guint offset = 0; offset <= 27; offset += 27) {
      raw[64] = (guint8)(raw[64] + offset);
      g_assert_true(k256_recover_message(g_bytes_get_data(message, NULL), g_bytes_get_size(message), raw, signer, NULL));
      assert_hex(signer, sizeof signer, known[i].signer);
    }
  }
}

static void test_recover_refuses(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) key = repeated(0x11);
  guint8 good[K256_SIGNATURE_SIZE], own[K256_PUBLIC_SIZE], signer[K256_PUBLIC_SIZE], digest[32] = {1};
  g_assert_true(k256_sign_digest(key, digest, good, NULL) && k256_public(key, own, NULL));
  for (guint id = 4; id < 256; id++) {
    guint8 bad[K256_SIGNATURE_SIZE];
    memcpy(bad, good, 64);
    bad[64] = (guint8)id;
    if (id < 27 || id > 30)
      g_assert_false(k256_recover_digest(digest, bad, signer, NULL));
  }
  guint8 zero[K256_SIGNATURE_SIZE] = {0};
  g_assert_false(k256_recover_digest(digest, zero, signer, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  guint8 huge[K256_SIGNATURE_SIZE];
  memset(huge, 0xff, 64);
  huge[64] = 0;
  g_assert_false(k256_recover_digest(digest, huge, signer, NULL));
  /* Some key comes out of most altered signatures: never the signer's. */
  for (guint i = 0; i < 64; i++) {
    guint8 flipped[K256_SIGNATURE_SIZE];
    memcpy(flipped, good, sizeof flipped);
    flipped[i] ^= 0x10;
    if (k256_recover_digest(digest, flipped, signer, NULL))
      g_assert_cmpint(memcmp(signer, own, sizeof own), !=, 0);
  }
}

static void test_even_y(void) {
  g_autoptr(Secret) odd = unhex_secret("61663e7d32b5e46ee335344074870e40808c8ae571956b8f1e902191149c53f2");
  g_autoptr(Secret) from_odd = k256_even_y(odd, NULL);
  assert_secret_hex(from_odd, "9e99c182cd4a1b911ccacbbf8b78f1be3a2252013db334aca1423cfbbb99ed4f");
  g_autoptr(Secret) even = unhex_secret("091c9c36eb873f1aacde93e91631256e1610ce9940166b45f437d635d76ba95e");
  g_autoptr(Secret) from_even = k256_even_y(even, NULL);
  g_assert_true(secret_equal(even, from_even));
}

/* spec prpc-and-agent-api 13: GetKey with the reference's fixture keys, path, purpose, key, chain[0]. */
static void test_get_key(void) {
  const char *const known[][5] = {
      {"", "", "38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c",
       "03a907a097e19f27b9c320acfa90e744c24c6c0fd73c07faf28d70ec633a985ac7",
       "9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c8"
       "16ff4a1f4ecb744b00"},
      {"test/wallet", "ethereum", "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9",
       "037b77d4930cb105b07af2fd9605313c2eea5e2f8f2d47502f6f4a53501490f1cd",
       "aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03e"
       "7f03d440dcfa236501"},
  };
  g_autoptr(Secret) root = unhex_secret("e0e5d254fb944dcc370a2e5288b336a1e809871545a73ee645368957fefa31f9");
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autoptr(Secret) key = kdf_ratls(root, (KdfContext[]){{known[i][0], strlen(known[i][0])}}, 1, 32);
    assert_secret_hex(key, known[i][2]);
    guint8 point[K256_PUBLIC_SIZE], signature[K256_SIGNATURE_SIZE];
    g_assert_true(k256_public(key, point, NULL));
    assert_hex(point, sizeof point, known[i][3]);
    g_autofree char *message = g_strdup_printf("%s:%s", known[i][1], known[i][3]);
    g_assert_true(k256_sign_message(root, message, strlen(message), signature, NULL));
    assert_hex(signature, sizeof signature, known[i][4]);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/crypto/k256/range", test_range);
  g_test_add_func("/crypto/k256/issued-key", test_issued_key);
  g_test_add_func("/crypto/k256/env-key-signatures", test_env_key_signatures);
  g_test_add_func("/crypto/k256/recover-foreign", test_recover_foreign);
  g_test_add_func("/crypto/k256/recover-refuses", test_recover_refuses);
  g_test_add_func("/crypto/k256/even-y", test_even_y);
  g_test_add_func("/crypto/k256/get-key", test_get_key);
  return g_test_run();
}
