/* Tests of lib/ratls: SCALE and certificate requests. Vectors: spec kms 5.5, attestation I. */
#include "base/error.h"
#include "crypto/x509.h"
#include "ratls/csr.h"
#include "ratls/scale.h"
#include "unit/crypto/vectors.h"

#include <string.h>

#define ROOT "f57527cea4ab7ffb49af99b158cdc0e3ec06398f528349ea236b7d2afe19cec1"

static void test_lengths(void) {
  const struct {
    gsize value;
    const char *hex;
  } known[] = {{0, "00"},
               {1, "04"},
               {63, "fc"},
               {64, "0101"},
               {16383, "fdff"},
               {16384, "02000100"},
               {SCALE_MAX_LENGTH, "feffffff"}};
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autoptr(GByteArray) out = g_byte_array_new();
    scale_write_length(out, known[i].value);
    assert_hex(out->data, out->len, known[i].hex);
    Reader reader = reader_init(out->data, out->len);
    g_assert_cmpuint(scale_read_length(&reader), ==, known[i].value);
    g_assert_true(reader_finish(&reader, "length", NULL));
    for (gsize cut = 0; cut < out->len; cut++) {
      Reader part = reader_init(out->data, cut);
      scale_read_length(&part);
      g_assert_false(reader_ok(&part));
    }
  }
}

static void test_not_canonical(void) {
  /* Two and four bytes for what fits in fewer, and the big-integer mode. */
  const char *const bad[] = {"0100", "fd00", "02000000", "feff0000", "03ffffff7f", "0300000040", "07000000000100"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) bytes = unhex(bad[i]);
    Reader reader = reader_init_bytes(bytes);
    scale_read_length(&reader);
    g_assert_false(reader_ok(&reader));
  }
  Reader odd_bool = reader_init("\x02", 1);
  g_assert_false(scale_read_bool(&odd_bool));
  g_assert_false(reader_ok(&odd_bool));
  const char *const texts[] = {"04ff", "0400", "0c610062", "0861"};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(GBytes) bytes = unhex(texts[i]);
    Reader reader = reader_init_bytes(bytes);
    g_assert_null(scale_read_string(&reader));
    g_assert_false(reader_ok(&reader));
  }
}

static EVP_PKEY *root_key(void) {
  g_autoptr(Secret) scalar = unhex_secret(ROOT);
  return p256_from_scalar(scalar, NULL);
}

static RatlsCsr *sample(EVP_PKEY *key) {
  RatlsCsr *csr = g_new0(RatlsCsr, 1);
  csr->version = 1;
  csr->pubkey = p256_spki(key);
  csr->org_name = g_strdup("Test Org");
  csr->subject = g_strdup("test.example.com");
  csr->alt_names = g_strsplit("alt.example.com", ",", -1);
  csr->server_auth = csr->ext_quote = TRUE;
  csr->quote = g_bytes_new("\xaa\xbb", 2);
  csr->event_log = g_bytes_new("[]", 2);
  return csr;
}

static RatlsCsr *open_signed(EVP_PKEY *key, guint version, const void *data, gsize len, GError **error) {
  g_autoptr(GBytes) encoded = g_bytes_new(data, len), signature = p256_sign(key, data, len);
  return ratls_csr_open(version, encoded, signature, error);
}

static void test_vectors(void) {
  g_autoptr(EVP_PKEY) key = root_key();
  g_autoptr(RatlsCsr) csr = sample(key);
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  assert_bytes_hex(
      encoded,
      "44706c65617365207369676e20636572743a6d013059301306072a8648ce3d020106082a8648ce3d0301070342000491f50522407ce2"
      "9dce3ed7d31a15d80c1c42f13a23552d2b33a0ce09ee11e47bce95936f3e7f80d195f879e28e1b144ef37ac9ab8e36a690cbf930b775"
      "897b27012054657374204f726740746573742e6578616d706c652e636f6d043c616c742e6578616d706c652e636f6d01000108aabb08"
      "5b5d");
  g_autoptr(RatlsCsr) other = g_new0(RatlsCsr, 1);
  other->pubkey =
      unhex("3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28"
            "b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0");
  other->subject = g_strdup("app.example.com");
  other->alt_names = g_strsplit("a.example,b.example", ",", -1);
  other->server_auth = other->ext_quote = TRUE;
  other->quote = g_bytes_new("\xaa\xbb", 2);
  other->event_log = g_bytes_new("[]", 2);
  g_autoptr(GBytes) other_encoded = ratls_csr_encode(other);
  g_assert_cmpuint(g_bytes_get_size(other_encoded), ==, 158);
  guint8 hash[SHA256_SIZE];
  digest_sha256(g_bytes_get_data(other_encoded, NULL), 158, hash);
  assert_hex(hash, sizeof hash, "101c85d05c74e661ef26417e55a9945aa93d7d2f38c5c9634f912e4183f5a525");
}

static void test_open(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(RatlsCsr) csr = sample(key);
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  gsize len;
  const guint8 *data = g_bytes_get_data(encoded, &len);
  for (guint version = 0; version <= 1; version++) {
    g_autoptr(RatlsCsr) opened = open_signed(key, version, data, len, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(opened->pubkey, csr->pubkey));
    g_assert_cmpstr(opened->org_name, ==, "Test Org");
    g_assert_cmpstr(opened->subject, ==, "test.example.com");
    g_assert_cmpstr(opened->alt_names[0], ==, "alt.example.com");
    g_assert_null(opened->alt_names[1]);
    g_assert_true(opened->server_auth && !opened->client_auth && opened->ext_quote);
    assert_bytes_hex(opened->quote, "aabb");
    assert_bytes_hex(opened->event_log, "5b5d");
  }
  g_assert_null(open_signed(key, 3, data, len, &error));
  g_assert_cmpstr(error->message, ==, "unsupported api version: 3");
}

static void test_empty_fields(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(RatlsCsr) csr = sample(key);
  g_clear_pointer(&csr->org_name, g_free);
  csr->subject[0] = '\0';
  g_clear_pointer(&csr->alt_names[0], g_free);
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  g_autoptr(RatlsCsr) opened = open_signed(key, 1, g_bytes_get_data(encoded, NULL), g_bytes_get_size(encoded), &error);
  g_assert_no_error(error);
  g_assert_null(opened->org_name);
  g_assert_cmpstr(opened->subject, ==, "");
  g_assert_null(opened->alt_names[0]);
}

/* Signed truncations, extensions and alterations: the form itself refuses them, not only the signature. */
static void test_malformed(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(RatlsCsr) csr = sample(key);
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  gsize len;
  const guint8 *data = g_bytes_get_data(encoded, &len);
  for (gsize cut = 0; cut < len; cut++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(open_signed(key, 1, data, cut, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
  g_autofree guint8 *longer = g_malloc0(len + 1);
  memcpy(longer, data, len);
  g_assert_null(open_signed(key, 1, longer, len + 1, NULL));
  longer[1] ^= 1; /* the confirm word */
  g_autoptr(GError) error = NULL;
  g_assert_null(open_signed(key, 1, longer, len, &error));
  g_assert_cmpstr(error->message, ==, "certificate request: invalid confirm word");
}

static void test_signature(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(EVP_PKEY) stranger = p256_generate();
  g_autoptr(RatlsCsr) csr = sample(key);
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  gsize len;
  const guint8 *data = g_bytes_get_data(encoded, &len);
  g_autoptr(GError) error = NULL;
  g_assert_null(open_signed(stranger, 1, data, len, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_autoptr(GBytes) signature = p256_sign(key, data, len);
  for (gsize i = 0; i < len; i++) {
    g_autofree guint8 *flipped = g_memdup2(data, len);
    flipped[i] ^= 1;
    g_autoptr(GBytes) altered = g_bytes_new(flipped, len);
    g_assert_null(ratls_csr_open(1, altered, signature, NULL));
  }
}

static void test_too_many_names(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(RatlsCsr) csr = sample(key);
  g_strfreev(csr->alt_names);
  csr->alt_names = g_new0(char *, CERT_MAX_ALT_NAMES + 2);
  for (gsize i = 0; i <= CERT_MAX_ALT_NAMES; i++)
    csr->alt_names[i] = g_strdup("a");
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  g_assert_null(open_signed(key, 1, g_bytes_get_data(encoded, NULL), g_bytes_get_size(encoded), &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ratls/scale/lengths", test_lengths);
  g_test_add_func("/ratls/scale/not-canonical", test_not_canonical);
  g_test_add_func("/ratls/csr/vectors", test_vectors);
  g_test_add_func("/ratls/csr/open", test_open);
  g_test_add_func("/ratls/csr/empty-fields", test_empty_fields);
  g_test_add_func("/ratls/csr/malformed", test_malformed);
  g_test_add_func("/ratls/csr/signature", test_signature);
  g_test_add_func("/ratls/csr/too-many-names", test_too_many_names);
  return g_test_run();
}
