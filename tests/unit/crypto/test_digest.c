/* Tests of lib/crypto: digests, HKDF. Vectors: spec kms 4.5, prpc-and-agent-api 13, attestation I. */
#include "base/error.h"
#include "crypto/digest.h"
#include "vectors.h"

#include <glib/gstdio.h>
#include <string.h>

static void test_by_name(void) {
  const char *const known[][2] = {
      {"sha256", "278fdb367382d9d10871ebb44498a29d54e705fa8924ce0a6fe8629542fc1a65"},
      {"sha384", "3967015e6798cc3d90f60b0a8dd045856e33273c4118dcdf04cc40a051ef8f3c008c73fb6e89d0af961c91a3a73efc5e"},
      {"sha512", "7ea0b744ed5e9c0c83ff9f575668e1697652cd349f2027cdf26f918d4c53e8cd"
                 "50b5ea9b449b4c3d50e20ae00ec29688d5a214e8daff8a10041f5d624dae8a01"},
      {"sha3-256", "bb98d4376d590cb17968d89250ac8f3d6241c9267d74995121a60766d0a6c665"},
      {"sha3-384", "9a1bc92ced9fae72a75d0b446894269c15d47c270829e7375f107d920e2e20fc2bba3ae0a514721e44d185f89bea7e78"},
      {"sha3-512", "dc18076a2308b0373d2417d85f62d041398a8387894bd7a46afe857a5cc951f7"
                   "7726fbcf9019bcc224fa11ee0784c94035ad3669f607dcc704079faf244dc3ba"},
      {"keccak256", "71d9e489e5d4046e8c1a5ef5137a88d940c77db95de9a5eadcde469c4fc50c29"},
      {"keccak384", "7a3b8109c495156d961a50e283f832b6e493c1d2e485030ff81978e5c7b296ad0a0be7a9db3c6b22ba4bf367d40c0b0f"},
      {"keccak512", "cdf84b140204fe2ab9fe3951887170ddc9e14715b3e70ec9bed03ea72861d368"
                    "7a684d4da336ca3154c8c9ae426a5afdd97b5ddef4f50a7d4657854f96b1a3e3"},
  };
  const char *message = "app-data:test content";
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    guint8 out[64];
    const gsize len = digest_by_name(known[i][0], message, strlen(message), out);
    assert_hex(out, len, known[i][1]);
  }
  guint8 out[64];
  for (const char *const *bad = (const char *const[]){"", "SHA256", "sha3", "md5", "raw", NULL}; *bad; bad++)
    g_assert_cmpuint(digest_by_name(*bad, message, 1, out), ==, 0);
}

static void test_keccak_block_edges(void) {
  guint8 out[KECCAK256_SIZE];
  digest_keccak256(NULL, 0, out);
  assert_hex(out, sizeof out, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  /* One byte less than a block (both padding bits in one byte), a whole block, one more. Computed with pycryptodome. */
  g_autofree char *text = g_strnfill(137, 'a');
  digest_keccak256(text, 135, out);
  assert_hex(out, sizeof out, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
  digest_keccak256(text, 136, out);
  assert_hex(out, sizeof out, "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
  digest_keccak256(text, 137, out);
  assert_hex(out, sizeof out, "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39");
}

static void test_file(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "file", NULL);
  g_autofree char *content = g_strnfill(200000, 'x');
  g_assert_true(g_file_set_contents(path, content, 200000, NULL));
  guint8 streamed[SHA256_SIZE], whole[SHA256_SIZE];
  g_assert_true(digest_sha256_file(path, streamed, &error));
  digest_sha256(content, 200000, whole);
  g_assert_cmpmem(streamed, sizeof streamed, whole, sizeof whole);
  g_assert_false(digest_sha256_file(dir, streamed, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_IO);
  g_clear_error(&error);
  g_assert_cmpint(g_remove(path), ==, 0);
  g_assert_false(digest_sha256_file(path, streamed, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  g_assert_cmpint(g_remove(dir), ==, 0);
}

static void test_kdf(void) {
  const struct {
    gsize n_context, len;
    const char *expected;
  } known[] = {
      {1, 32, "fa36cf7506230ec31faf491618f1758748eca2a0be078a40cfffde3736039ab9"},
      {1, 64, "fa36cf7506230ec31faf491618f1758748eca2a0be078a40cfffde3736039ab9"
              "338c8f54f687b31376ccbd4ef5862675ce5afe212ba9ea3cb89fae4410f13355"},
      {0, 32, "e4f154b89621d27f58e945557a8e33a449e264581f234ae4edaa2c1ab304b303"},
      {2, 32, "5a4bdf0e9844c5a62b670705c9f96abdd0581f80b92e5328d6c8a4c4be35b0fc"},
      {1, 5, "fa36cf7506"},
      {1, 0, ""},
  };
  g_autoptr(Secret) ikm = secret_new("input key material", 18);
  const KdfContext context[] = {{"context one", 11}, {"context two", 11}};
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autoptr(Secret) out = kdf_ratls(ikm, context, known[i].n_context, known[i].len);
    assert_secret_hex(out, known[i].expected);
  }
}

/* Key paths come from callers and may be long; items are joined without separators. */
static void test_kdf_long_context(void) {
  g_autoptr(Secret) ikm = secret_new("key", 3);
  g_autofree char *path = g_strnfill(100000, 'p');
  g_autoptr(Secret) one = kdf_ratls(ikm, (KdfContext[]){{path, 100000}}, 1, 32);
  g_autoptr(Secret) split = kdf_ratls(ikm, (KdfContext[]){{path, 1}, {path, 0}, {path, 99999}}, 3, 32);
  g_autoptr(Secret) shorter = kdf_ratls(ikm, (KdfContext[]){{path, 99999}}, 1, 32);
  g_assert_true(secret_equal(one, split));
  g_assert_false(secret_equal(one, shorter));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/crypto/digest/by-name", test_by_name);
  g_test_add_func("/crypto/digest/keccak-block-edges", test_keccak_block_edges);
  g_test_add_func("/crypto/digest/file", test_file);
  g_test_add_func("/crypto/kdf/vectors", test_kdf);
  g_test_add_func("/crypto/kdf/long-context", test_kdf_long_context);
  return g_test_run();
}
