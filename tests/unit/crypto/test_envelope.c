/* Tests of lib/crypto: the X25519 envelope. Vectors: spec supervisor-and-cli C.1, guest-os 10, kms 4.5. */
#include "base/error.h"
#include "crypto/envelope.h"
#include "vectors.h"

#include <string.h>

static void assert_opens(const char *secret_hex, const char *envelope_hex, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) secret = unhex_secret(secret_hex);
  g_autoptr(GBytes) envelope = unhex(envelope_hex);
  g_autoptr(Secret) plaintext = envelope_open(secret, g_bytes_get_data(envelope, NULL), g_bytes_get_size(envelope), &error);
  g_assert_no_error(error);
  g_assert_cmpmem(secret_peek(plaintext), secret_len(plaintext), expected, strlen(expected));
}

static void test_vectors(void) {
  const char *blob = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c000102030405060708090a0b"
                     "66a361f3976978024c84a96cb53ef312d160c89111dd3346d64d85db8930c632997dc72be2a2953022b7785bbeb8248459f65fd5"
                     "056a7c4449";
  const char *plaintext = "{\"env\": [{\"key\": \"FOO\", \"value\": \"bar\"}]}";
  guint8 secret[32], ephemeral[32], iv[12], public_key[32];
  memset(secret, 0x42, sizeof secret);
  for (guint8 i = 0; i < 32; i++)
    ephemeral[i] = i + 1;
  for (guint8 i = 0; i < 12; i++)
    iv[i] = i;
  x25519_public(secret, public_key);
  assert_hex(public_key, 32, "132c442be010fbd57e72603328aa76e71fccc1503aae219327d14d9c9993f472");
  g_autoptr(GBytes) sealed = envelope_seal_with(public_key, ephemeral, iv, plaintext, strlen(plaintext), NULL);
  assert_bytes_hex(sealed, blob);
  assert_opens("4242424242424242424242424242424242424242424242424242424242424242", blob, plaintext);
  assert_opens("7c282bf94b35dc47801dc953bfa0896fc2bd313381d3e8eca4e42f6536d2a96f",
               "0bd18749612f4c8b9dd583c7d6a646b90abd34e3c731a7708d0caf9039095641e1f0948e775f0b7351788db7f246d51806954626dccc"
               "b6a60d64665ca3715c6bef75616cab476d27bba04080361200d6a58cec",
               "[{\"key\":\"\",\"value\":\"\"}]");
}

/* A secret as a KMS derives it, which nobody clamped (spec kms 4.5, vector 4). */
static void test_unclamped(void) {
  g_autoptr(Secret) secret = unhex_secret("269c9f918fcaa38117c05eeb4de53c515114b419e89b2e350cd3f69b751165d6");
  guint8 public_key[32];
  x25519_public(secret_peek(secret), public_key);
  assert_hex(public_key, 32, "ade6dc1cc31efc26ed78224bd5b25b283f2e1a61dac99190905a54e1b800cd1e");
}

static void test_round_trip_and_damage(void) {
  g_autoptr(Secret) secret = secret_new_random(32);
  guint8 public_key[32];
  x25519_public(secret_peek(secret), public_key);
  g_autoptr(GBytes) empty = envelope_seal(public_key, "", 0, NULL);
  g_assert_cmpuint(g_bytes_get_size(empty), ==, ENVELOPE_OVERHEAD);
  g_autoptr(Secret) nothing = envelope_open(secret, g_bytes_get_data(empty, NULL), ENVELOPE_OVERHEAD, NULL);
  g_assert_cmpuint(secret_len(nothing), ==, 0);
  g_autoptr(GBytes) sealed = envelope_seal(public_key, "secret", 6, NULL);
  gsize len;
  const guint8 *good = g_bytes_get_data(sealed, &len);
  for (gsize cut = 0; cut < len; cut++)
    g_assert_null(envelope_open(secret, good, cut, NULL));
  for (gsize i = 0; i < len; i++) {
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *flipped = g_memdup2(good, len);
    flipped[i] ^= 1;
    g_assert_null(envelope_open(secret, flipped, len, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  }
  g_autoptr(Secret) other = secret_new_random(32);
  g_assert_null(envelope_open(other, good, len, NULL));
  g_autoptr(Secret) brief = secret_new_random(31);
  g_assert_null(envelope_open(brief, good, len, NULL));
}

static void test_small_order(void) {
  const char *const points[] = {"0000000000000000000000000000000000000000000000000000000000000000",
                                "0100000000000000000000000000000000000000000000000000000000000000",
                                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
  g_autoptr(Secret) secret = secret_new_random(32);
  for (gsize i = 0; i < G_N_ELEMENTS(points); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) point = unhex(points[i]);
    g_assert_null(envelope_seal(g_bytes_get_data(point, NULL), "x", 1, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
    guint8 envelope[ENVELOPE_OVERHEAD + 1] = {0};
    memcpy(envelope, g_bytes_get_data(point, NULL), 32);
    g_assert_null(envelope_open(secret, envelope, sizeof envelope, NULL));
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/crypto/envelope/vectors", test_vectors);
  g_test_add_func("/crypto/envelope/unclamped", test_unclamped);
  g_test_add_func("/crypto/envelope/damage", test_round_trip_and_damage);
  g_test_add_func("/crypto/envelope/small-order", test_small_order);
  return g_test_run();
}
