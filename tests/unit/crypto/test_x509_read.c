/* Tests of lib/crypto: reading certificates, their extensions and chains. */
#include "base/error.h"
#include "crypto/x509.h"
#include "vectors.h"

#include <openssl/x509v3.h>
#include <string.h>

#define OID "1.3.6.1.4.1.62397.1.2"
#define DAY 86400

static X509 *make(const char *name, int path_len, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
  const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
  const CertSpec spec = {
      .common_name = name, .ca_path_len = path_len, .not_before = now - DAY, .not_after = now + DAY, .server_auth = TRUE};
  g_autoptr(GError) error = NULL;
  X509 *cert = cert_build(&spec, key, issuer, issuer_key, &error);
  g_assert_no_error(error);
  return cert;
}

static void test_pem(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) one = make("one", -1, key, NULL, key);
  g_autoptr(X509) two = make("two", -1, key, NULL, key);
  g_autofree char *pem_one = cert_to_pem(one), *pem_two = cert_to_pem(two);
  g_assert_true(g_str_has_suffix(pem_one, "\n-----END CERTIFICATE-----\n"));
  g_autofree char *text = g_strdup_printf("junk\n%s-----BEGIN X-----\nAAAA\n-----END X-----\n%sjunk", pem_one, pem_two);
  g_autoptr(GPtrArray) certs = certs_from_pem(text, strlen(text), &error);
  g_assert_no_error(error);
  g_assert_cmpuint(certs->len, ==, 2);
  g_assert_cmpint(X509_cmp(g_ptr_array_index(certs, 0), one), ==, 0);
  g_assert_cmpint(X509_cmp(g_ptr_array_index(certs, 1), two), ==, 0);
  g_autoptr(X509) first = cert_from_pem(text, strlen(text), &error);
  g_assert_cmpint(X509_cmp(first, one), ==, 0);
  g_autoptr(GString) many = g_string_new(NULL);
  for (guint i = 0; i <= CERT_MAX_CHAIN; i++)
    g_string_append(many, pem_one);
  g_assert_null(certs_from_pem(many->str, many->len, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  for (gsize cut = 0; cut < strlen(pem_one) - 1; cut++) {
    g_assert_null(cert_from_pem(pem_one, cut, NULL));
    g_assert_null(certs_from_pem(pem_one, cut, NULL));
  }
}

static void test_der(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) cert = make("one", -1, key, NULL, key);
  g_autoptr(GBytes) der = cert_to_der(cert);
  gsize len;
  const guint8 *good = g_bytes_get_data(der, &len);
  for (gsize cut = 0; cut < len; cut++)
    g_assert_null(cert_from_der(good, cut, NULL));
  g_autofree guint8 *longer = g_malloc0(len + 1);
  memcpy(longer, good, len);
  g_assert_null(cert_from_der(longer, len + 1, NULL));
  g_autoptr(GBytes) spki = cert_spki(cert), expected = p256_spki(key);
  g_assert_true(g_bytes_equal(spki, expected));
  g_autoptr(EVP_PKEY) same = cert_public_key(cert);
  g_assert_cmpint(EVP_PKEY_eq(same, key), ==, 1);
}

/* A certificate whose extension `OID` has these bytes as its value, `times` times. */
static X509 *with_extension(const void *value, gsize len, guint times) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  X509 *cert = make("one", -1, key, NULL, key);
  ASN1_OBJECT *oid = OBJ_txt2obj(OID, 1);
  ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(octets, value, (int)len);
  for (guint i = 0; i < times; i++) {
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
    g_assert_cmpint(X509_add_ext(cert, extension, -1), ==, 1);
    X509_EXTENSION_free(extension);
  }
  ASN1_OCTET_STRING_free(octets);
  ASN1_OBJECT_free(oid);
  return cert;
}

static void test_extension_encodings(void) {
  const char *const good[][2] = {{"0400", ""}, {"0402aabb", "aabb"}};
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    g_autoptr(GBytes) value = unhex(good[i][0]), out = NULL;
    g_autoptr(X509) cert = with_extension(g_bytes_get_data(value, NULL), g_bytes_get_size(value), 1);
    g_assert_true(cert_extension(cert, OID, &out, NULL));
    assert_bytes_hex(out, good[i][1]);
  }
  const char *const bad[] = {"",         "04",       "0401",     "0402aa",       "0402aabbcc", "0302aabb",      "aabb",
                             "2402aabb", "048102aa", "04800000", "0482000200aa", "04850000000000", "0484ffffffff", "04fe"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) value = unhex(bad[i]), out = NULL;
    g_autoptr(X509) cert = with_extension(g_bytes_get_data(value, NULL), g_bytes_get_size(value), 1);
    g_assert_false(cert_extension(cert, OID, &out, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_null(out);
  }
}

static void test_extension_presence(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) out = NULL;
  g_autoptr(X509) none = with_extension("", 0, 0);
  g_assert_true(cert_extension(none, OID, &out, &error));
  g_assert_null(out);
  g_autoptr(X509) twice = with_extension("\x04\x00", 2, 2);
  g_assert_false(cert_extension(twice, OID, &out, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  /* All three forms of DER lengths, through the builder. */
  const gsize sizes[] = {0, 127, 128, 255, 256, 65535, 65536, 100000};
  g_autoptr(EVP_PKEY) key = p256_generate();
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autoptr(GBytes) content = g_bytes_new_take(g_malloc0(sizes[i]), sizes[i]), back = NULL;
    const CertExtension extension = {OID, content};
    const CertSpec spec = {.common_name = "x", .ca_path_len = -1, .extensions = &extension, .n_extensions = 1};
    g_autoptr(X509) cert = cert_build(&spec, key, NULL, key, NULL);
    g_assert_true(cert_extension(cert, OID, &back, NULL));
    g_assert_true(g_bytes_equal(content, back));
  }
}

typedef struct {
  EVP_PKEY *root_key, *middle_key, *leaf_key;
  X509 *root, *middle, *leaf;
  gint64 now;
} Chain;

static void chain_set_up(Chain *chain, gconstpointer unused) {
  (void)unused;
  chain->now = g_get_real_time() / G_USEC_PER_SEC;
  chain->root_key = p256_generate();
  chain->middle_key = p256_generate();
  chain->leaf_key = p256_generate();
  chain->root = make("root", 1, chain->root_key, NULL, chain->root_key);
  chain->middle = make("middle", 0, chain->middle_key, chain->root, chain->root_key);
  chain->leaf = make("leaf", -1, chain->leaf_key, chain->middle, chain->middle_key);
}

static void chain_tear_down(Chain *chain, gconstpointer unused) {
  (void)unused;
  X509_free(chain->root);
  X509_free(chain->middle);
  X509_free(chain->leaf);
  EVP_PKEY_free(chain->root_key);
  EVP_PKEY_free(chain->middle_key);
  EVP_PKEY_free(chain->leaf_key);
}

static gboolean verifies(X509 *const *certs, X509 *root, gint64 now) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) array = g_ptr_array_new();
  for (; *certs; certs++)
    g_ptr_array_add(array, *certs);
  const gboolean ok = certs_verify_chain(array, root, now, &error);
  if (!ok) {
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
    g_assert_false(g_ascii_isupper(error->message[0]));
  }
  return ok;
}
#define VERIFIES(root, now, ...) verifies((X509 *const[]){__VA_ARGS__, NULL}, root, now)

static void test_chain(Chain *chain, gconstpointer unused) {
  (void)unused;
  g_assert_true(VERIFIES(chain->root, chain->now, chain->leaf, chain->middle, chain->root));
  g_assert_true(VERIFIES(chain->root, chain->now, chain->leaf, chain->middle));
  g_assert_true(VERIFIES(chain->root, chain->now, chain->middle));
  g_assert_true(VERIFIES(chain->root, chain->now, chain->root));
  g_assert_false(VERIFIES(chain->root, chain->now, chain->leaf));
  g_assert_false(VERIFIES(chain->root, chain->now, chain->leaf, chain->root));
  g_assert_false(VERIFIES(chain->leaf, chain->now, chain->middle, chain->root));
  g_assert_false(VERIFIES(chain->root, chain->now + 2 * DAY, chain->leaf, chain->middle));
  g_assert_false(VERIFIES(chain->root, chain->now - 2 * DAY, chain->leaf, chain->middle));
  g_autoptr(GPtrArray) none = g_ptr_array_new();
  g_assert_false(certs_verify_chain(none, chain->root, chain->now, NULL));
}

static void test_chain_impostors(Chain *chain, gconstpointer unused) {
  (void)unused;
  /* The same names under another root's key. */
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) root = make("root", 1, key, NULL, key);
  g_autoptr(X509) middle = make("middle", 0, chain->middle_key, root, key);
  g_assert_false(VERIFIES(root, chain->now, chain->leaf, chain->middle));
  g_assert_false(VERIFIES(chain->root, chain->now, chain->leaf, middle, root));
  /* A leaf that issues. */
  g_autoptr(X509) below_leaf = make("below", -1, key, chain->leaf, chain->leaf_key);
  g_assert_false(VERIFIES(chain->root, chain->now, below_leaf, chain->leaf, chain->middle));
  /* An authority below pathLen 0. */
  g_autoptr(EVP_PKEY) deep_key = p256_generate();
  g_autoptr(X509) deep = make("deep", 0, deep_key, chain->middle, chain->middle_key);
  g_autoptr(X509) deep_leaf = make("deep leaf", -1, key, deep, deep_key);
  g_assert_false(VERIFIES(chain->root, chain->now, deep_leaf, deep, chain->middle));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/crypto/x509/pem", test_pem);
  g_test_add_func("/crypto/x509/der", test_der);
  g_test_add_func("/crypto/x509/extension-encodings", test_extension_encodings);
  g_test_add_func("/crypto/x509/extension-presence", test_extension_presence);
  g_test_add("/crypto/x509/chain", Chain, NULL, chain_set_up, test_chain, chain_tear_down);
  g_test_add("/crypto/x509/chain-impostors", Chain, NULL, chain_set_up, test_chain_impostors, chain_tear_down);
  return g_test_run();
}
