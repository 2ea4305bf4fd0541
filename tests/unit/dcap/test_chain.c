/* The path and revocation rules, on chains made for the purpose. */
#include "crypto/x509.h"
#include "dcap/chain.h"
#include "dcap/failure.h"
#include "sample.h"

#include <openssl/x509v3.h>
#include <string.h>

#define NOW 1795000000
#define DAY 86400
#define LEAF_NAME "Test PCK Certificate"

typedef struct {
  EVP_PKEY *key;
  X509 *cert;
} Entity;

typedef struct {
  Entity root, authority, leaf;
} Pki;

static Entity issue(const char *name, int path_len, const Entity *issuer, gint64 not_before, gint64 not_after,
                    gboolean client_only) {
  Entity entity = {.key = p256_generate()};
  const CertSpec spec = {.common_name = name,
                         .ca_path_len = path_len,
                         .not_before = not_before,
                         .not_after = not_after,
                         .client_auth = client_only};
  g_autoptr(GError) error = NULL;
  entity.cert = cert_build(&spec, entity.key, issuer ? issuer->cert : NULL, issuer ? issuer->key : entity.key, &error);
  g_assert_no_error(error);
  return entity;
}

static void entity_clear(Entity *entity) {
  EVP_PKEY_free(entity->key);
  X509_free(entity->cert);
}

static Pki make_pki(void) {
  Pki pki;
  pki.root = issue("Root", 1, NULL, NOW - DAY, NOW + DAY, FALSE);
  pki.authority = issue("Authority", 0, &pki.root, NOW - DAY, NOW + DAY, FALSE);
  pki.leaf = issue(LEAF_NAME, -1, &pki.authority, NOW - DAY, NOW + DAY, FALSE);
  return pki;
}

static void pki_clear(Pki *pki) {
  entity_clear(&pki->root);
  entity_clear(&pki->authority);
  entity_clear(&pki->leaf);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pki, pki_clear)

typedef struct {
  gint64 from, until; /* until 0: no next update */
  X509 *revoked;      /* NULL: none */
  gboolean critical_extension;
  const EVP_MD *digest; /* NULL: SHA-256 */
} CrlSpec;

static void add_critical_extension(X509_CRL *list) {
  ASN1_INTEGER *base = ASN1_INTEGER_new();
  ASN1_INTEGER_set(base, 1);
  X509_CRL_add1_ext_i2d(list, NID_delta_crl, base, 1, 0);
  ASN1_INTEGER_free(base);
}

static GBytes *make_crl_der(const Entity *issuer, EVP_PKEY *signer, const CrlSpec *spec) {
  X509_CRL *list = X509_CRL_new();
  X509_CRL_set_version(list, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->cert));
  ASN1_TIME *time = ASN1_TIME_set(NULL, spec->from);
  X509_CRL_set1_lastUpdate(list, time);
  if (spec->until != 0)
    X509_CRL_set1_nextUpdate(list, ASN1_TIME_set(time, spec->until));
  if (spec->revoked) {
    X509_REVOKED *entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(spec->revoked));
    X509_REVOKED_set_revocationDate(entry, time);
    X509_CRL_add0_revoked(list, entry);
  }
  if (spec->critical_extension)
    add_critical_extension(list);
  g_assert_cmpint(X509_CRL_sign(list, signer, spec->digest ? spec->digest : EVP_sha256()), >, 0);
  guint8 *der = NULL;
  int len = i2d_X509_CRL(list, &der);
  GBytes *bytes = g_bytes_new(der, (gsize)len);
  OPENSSL_free(der);
  ASN1_TIME_free(time);
  X509_CRL_free(list);
  return bytes;
}

static DcapCrl *make_crl(const Entity *issuer, EVP_PKEY *signer, const CrlSpec *spec) {
  g_autoptr(GBytes) der = make_crl_der(issuer, signer, spec);
  return dcap_crl_parse(der, NULL);
}

static const CrlSpec current_crl = {.from = NOW - 60, .until = NOW + 60};

static GPtrArray *chain_of(X509 *const *certs, gsize n) {
  g_autoptr(GString) pem = g_string_new(NULL);
  for (gsize i = 0; i < n; i++) {
    g_autofree char *one = cert_to_pem(certs[i]);
    g_string_append(pem, one);
  }
  g_autoptr(GError) error = NULL;
  GPtrArray *chain = dcap_chain_parse(pem->str, pem->len, NULL, &error);
  g_assert_no_error(error);
  return chain;
}

/* Like dcap_chain_verify() under `root`, with a list of every one of `issuers`, the root among them. The reason, or
 * NULL when it verified; free with g_free(). */
static char *refusal(const Entity *root, X509 *const *certs, gsize n, const Entity *const *issuers, gsize n_issuers) {
  DcapCrl *crls[4];
  g_assert_cmpuint(n_issuers, <=, G_N_ELEMENTS(crls));
  for (gsize i = 0; i < n_issuers; i++)
    crls[i] = make_crl(issuers[i], issuers[i]->key, &current_crl);
  g_autoptr(GBytes) der = cert_to_der(root->cert);
  g_autoptr(DcapCert) anchor = dcap_cert_parse(der, NULL);
  DcapTrust trust = {.root = anchor, .intel_names = TRUE, .crls = crls, .n_crls = n_issuers, .now = NOW};
  g_autoptr(GPtrArray) chain = chain_of(certs, n);
  g_autoptr(GError) error = NULL;
  DcapFailure failure = dcap_chain_verify(chain, &trust, "PCK Certificate", &error);
  assert_failure(failure, error ? DCAP_CHAIN_INVALID : DCAP_OK, "refusal", 0);
  for (gsize i = 0; i < n_issuers; i++)
    dcap_crl_free(crls[i]);
  return error ? g_strdup(error->message) : NULL;
}

#define ASSERT_REFUSAL(expected, root, certs, issuers)                                                                 \
  do {                                                                                                                 \
    g_autofree char *why = refusal(root, certs, G_N_ELEMENTS(certs), issuers, G_N_ELEMENTS(issuers));                  \
    g_assert_cmpstr(why, ==, expected);                                                                                \
  } while (0)

/* Verifies certificates under the PKI's root with lists of its own, or with `leaf_crl` in place of the authority's. */
static DcapFailure verify(const Pki *pki, X509 *const *certs, gsize n, DcapCrl *leaf_crl) {
  g_autoptr(DcapCrl) root_crl = make_crl(&pki->root, pki->root.key, &current_crl);
  g_autoptr(DcapCrl) own_crl = leaf_crl ? NULL : make_crl(&pki->authority, pki->authority.key, &current_crl);
  DcapCrl *crls[] = {root_crl, leaf_crl ? leaf_crl : own_crl};
  g_autoptr(GBytes) der = cert_to_der(pki->root.cert);
  g_autoptr(DcapCert) root = dcap_cert_parse(der, NULL);
  DcapTrust trust = {.root = root, .intel_names = TRUE, .crls = crls, .n_crls = 2, .now = NOW};
  g_autoptr(GPtrArray) chain = chain_of(certs, n);
  g_autoptr(GError) error = NULL;
  DcapFailure failure = dcap_chain_verify(chain, &trust, "PCK Certificate", &error);
  g_assert_cmpint(failure == DCAP_OK, ==, error == NULL);
  return failure;
}

#define VERIFY(pki, ...) verify(pki, (X509 *const[]){__VA_ARGS__}, G_N_ELEMENTS(((X509 *const[]){__VA_ARGS__})), NULL)

static void test_paths(void) {
  g_auto(Pki) pki = make_pki();
  g_auto(Pki) other = make_pki();
  X509 *root = pki.root.cert, *authority = pki.authority.cert, *leaf = pki.leaf.cert;
  assert_failure(VERIFY(&pki, leaf, authority, root), DCAP_OK, "whole chain", 0);
  assert_failure(VERIFY(&pki, leaf, authority), DCAP_OK, "without the anchor", 0);
  assert_failure(VERIFY(&pki, leaf, root), DCAP_CHAIN_INVALID, "authority left out", 0);
  assert_failure(VERIFY(&pki, authority, leaf, root), DCAP_CHAIN_INVALID, "order", 0);
  assert_failure(VERIFY(&pki, authority, root), DCAP_CHAIN_INVALID, "authority as leaf", 0);
  assert_failure(VERIFY(&pki, leaf, authority, root, root), DCAP_CHAIN_INVALID, "anchor twice", 0);
  assert_failure(VERIFY(&pki, leaf, authority, authority, root), DCAP_CHAIN_INVALID, "off the path", 0);
  assert_failure(VERIFY(&pki, leaf, authority, other.root.cert), DCAP_CHAIN_INVALID, "another's root", 0);
  assert_failure(VERIFY(&pki, other.leaf.cert, other.authority.cert, other.root.cert), DCAP_CHAIN_INVALID, "another",
                 0);
}

/* A leaf of the root itself: alone it is no chain, though every link would hold. */
static void test_leaf_alone(void) {
  g_auto(Pki) pki = make_pki();
  Entity leaf = issue(LEAF_NAME, -1, &pki.root, NOW - 1, NOW + 1, FALSE);
  X509 *const alone[] = {leaf.cert}, *const whole[] = {leaf.cert, pki.root.cert};
  const Entity *const issuers[] = {&pki.root};
  ASSERT_REFUSAL(NULL, &pki.root, whole, issuers);
  ASSERT_REFUSAL("chain invalid: 1 certificates, expected at least 2", &pki.root, alone, issuers);
  entity_clear(&leaf);
}

static void assert_leaf(Pki *pki, Entity leaf, const Entity *issuer, DcapFailure expected, const char *what) {
  assert_failure(VERIFY(pki, leaf.cert, issuer->cert, pki->root.cert), expected, what, 0);
  entity_clear(&leaf);
}

static void test_certificates(void) {
  g_auto(Pki) pki = make_pki();
  Entity *authority = &pki.authority;
  assert_leaf(&pki, issue(LEAF_NAME, -1, authority, NOW, NOW + 1, FALSE), authority, DCAP_OK, "first second");
  assert_leaf(&pki, issue(LEAF_NAME, -1, authority, NOW - 1, NOW, FALSE), authority, DCAP_OK, "last second");
  assert_leaf(&pki, issue(LEAF_NAME, -1, authority, NOW - 2, NOW - 1, FALSE), authority, DCAP_EXPIRED, "expired");
  assert_leaf(&pki, issue(LEAF_NAME, -1, authority, NOW + 1, NOW + 2, FALSE), authority, DCAP_EXPIRED, "not yet valid");
  assert_leaf(&pki, issue("Other", -1, authority, NOW - 1, NOW + 1, FALSE), authority, DCAP_CHAIN_INVALID, "name");
  assert_leaf(&pki, issue(LEAF_NAME, 0, authority, NOW - 1, NOW + 1, FALSE), authority, DCAP_CHAIN_INVALID, "ca leaf");
  assert_leaf(&pki, issue(LEAF_NAME, -1, authority, NOW - 1, NOW + 1, TRUE), authority, DCAP_CHAIN_INVALID, "purpose");
  assert_leaf(&pki, issue(LEAF_NAME, -1, &pki.leaf, NOW - 1, NOW + 1, FALSE), &pki.leaf, DCAP_CHAIN_INVALID,
              "leaf as issuer");
}

/* Root, authority, one more authority, leaf: how many may stand below each of the first two? */
static void check_path_length(int of_root, int of_authority, const char *expected) {
  Entity root = issue("Root", of_root, NULL, NOW - 1, NOW + 1, FALSE);
  Entity authority = issue("Authority", of_authority, &root, NOW - 1, NOW + 1, FALSE);
  Entity below = issue("Below", 0, &authority, NOW - 1, NOW + 1, FALSE);
  Entity leaf = issue(LEAF_NAME, -1, &below, NOW - 1, NOW + 1, FALSE);
  X509 *const certs[] = {leaf.cert, below.cert, authority.cert, root.cert};
  const Entity *const issuers[] = {&root, &authority, &below};
  ASSERT_REFUSAL(expected, &root, certs, issuers);
  Entity *const all[] = {&root, &authority, &below, &leaf};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    entity_clear(all[i]);
}

static void test_path_length(void) {
  check_path_length(2, 1, NULL);
  check_path_length(2, 0, "chain invalid: 'Authority' may not issue certificates here");
  check_path_length(1, 1, "chain invalid: 'Root' may not issue certificates here");
}

/* An issuer that is there for another purpose; the root is nobody's subject, so only this rule looks at its. */
static void test_purpose_of_issuer(void) {
  Entity root = issue("Root", 1, NULL, NOW - 1, NOW + 1, TRUE);
  Entity authority = issue("Authority", 0, &root, NOW - 1, NOW + 1, FALSE);
  Entity leaf = issue(LEAF_NAME, -1, &authority, NOW - 1, NOW + 1, FALSE);
  X509 *const certs[] = {leaf.cert, authority.cert};
  const Entity *const issuers[] = {&root, &authority};
  ASSERT_REFUSAL("chain invalid: 'Root' may not issue certificates here", &root, certs, issuers);
  entity_clear(&root);
  entity_clear(&authority);
  entity_clear(&leaf);
}

/* Gives a certificate another value of an extension and signs it again. */
static void replace_key_usage(Entity *entity, const Entity *issuer, guint8 bits) {
  X509 *changed = X509_dup(entity->cert);
  X509_EXTENSION_free(X509_delete_ext(changed, X509_get_ext_by_NID(changed, NID_key_usage, -1)));
  ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
  ASN1_BIT_STRING_set(usage, &bits, 1);
  g_assert_cmpint(X509_add1_ext_i2d(changed, NID_key_usage, usage, 1, 0), ==, 1);
  ASN1_BIT_STRING_free(usage);
  g_assert_cmpint(X509_sign(changed, issuer->key, EVP_sha256()), >, 0);
  X509_free(entity->cert);
  entity->cert = changed;
}

#define KEY_CERT_SIGN 0x04
#define CRL_SIGN 0x02

static void test_key_usage(void) {
  static const struct {
    guint8 usage;
    const char *expected;
  } cases[] = {{KEY_CERT_SIGN | CRL_SIGN, NULL},
               {KEY_CERT_SIGN, "chain invalid: revocation list of 'Authority' is not signed by it"},
               {CRL_SIGN, "chain invalid: 'Authority' may not issue certificates here"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_auto(Pki) pki = make_pki();
    replace_key_usage(&pki.authority, &pki.root, cases[i].usage);
    X509 *const certs[] = {pki.leaf.cert, pki.authority.cert, pki.root.cert};
    const Entity *const issuers[] = {&pki.root, &pki.authority};
    ASSERT_REFUSAL(cases[i].expected, &pki.root, certs, issuers);
  }
}

/* A signature that was good for one issuer says nothing about another of the same name. */
static void test_namesakes(void) {
  g_auto(Pki) pki = make_pki();
  Entity other = issue("Authority", 0, &pki.root, NOW - 1, NOW + 1, FALSE);
  X509 *const certs[] = {pki.leaf.cert, pki.authority.cert, other.cert};
  g_autoptr(GPtrArray) all = chain_of(certs, G_N_ELEMENTS(certs));
  g_autoptr(DcapCrl) list = make_crl(&pki.authority, pki.authority.key, &current_crl);
  for (int i = 0; i < 2; i++) {
    g_autoptr(GError) error = NULL;
    g_assert_true(dcap_cert_issued_by(all->pdata[0], all->pdata[1]));
    g_assert_false(dcap_cert_issued_by(all->pdata[0], all->pdata[2]));
    assert_failure(dcap_crls_check(&list, 1, all->pdata[0], all->pdata[1], NOW, NULL), DCAP_OK, "own list", 0);
    assert_failure(dcap_crls_check(&list, 1, all->pdata[0], all->pdata[2], NOW, &error), DCAP_CHAIN_INVALID, "list", 0);
    g_assert_cmpstr(error->message, ==, "chain invalid: revocation list of 'Authority' is not signed by it");
  }
  entity_clear(&other);
}

static void assert_cert(X509 *cert, const char *expected) {
  g_autoptr(GBytes) der = cert_to_der(cert);
  g_autoptr(GError) error = NULL;
  g_autoptr(DcapCert) parsed = dcap_cert_parse(der, &error);
  g_assert_cmpint(parsed == NULL, ==, expected != NULL);
  g_assert_cmpstr(error ? error->message : NULL, ==, expected);
}

static void test_algorithms(void) {
  g_auto(Pki) pki = make_pki();
  assert_cert(pki.leaf.cert, NULL);
  g_assert_cmpint(X509_sign(pki.leaf.cert, pki.authority.key, EVP_sha384()), >, 0);
  assert_cert(pki.leaf.cert, "not signed with ECDSA and SHA-256");
  const CrlSpec other_digest = {.from = NOW - 60, .until = NOW + 60, .digest = EVP_sha384()};
  g_autoptr(GBytes) der = make_crl_der(&pki.root, pki.root.key, &other_digest);
  g_autoptr(GError) error = NULL;
  g_assert_null(dcap_crl_parse(der, &error));
  g_assert_cmpstr(error->message, ==, "not signed with ECDSA and SHA-256");
}

/* An extension nobody looks at is allowed once. */
static void test_duplicate_extension(void) {
  g_auto(Pki) pki = make_pki();
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, "of no importance");
  for (int i = 0; i < 2; i++) {
    g_assert_cmpint(X509_add_ext(pki.leaf.cert, extension, -1), ==, 1);
    g_assert_cmpint(X509_sign(pki.leaf.cert, pki.authority.key, EVP_sha256()), >, 0);
    assert_cert(pki.leaf.cert, i == 0 ? NULL : "an extension is duplicate, malformed, or critical and unknown");
  }
  X509_EXTENSION_free(extension);
}

/* The same content with one more byte for the length of the whole. */
static GBytes *with_longer_length(GBytes *der) {
  gsize len;
  const guint8 *data = g_bytes_get_data(der, &len);
  g_assert_cmphex(data[1], ==, 0x82);
  guint8 *out = g_malloc(len + 1);
  memcpy(out, (const guint8[]){data[0], 0x83, 0, data[2], data[3]}, 5);
  memcpy(out + 5, data + 4, len - 4);
  return g_bytes_new_take(out, len + 1);
}

static void test_not_canonical(void) {
  g_auto(Pki) pki = make_pki();
  g_autoptr(GBytes) cert = cert_to_der(pki.leaf.cert), other_cert = with_longer_length(cert);
  const CrlSpec revoking = {.from = NOW - 60, .until = NOW + 60, .revoked = pki.leaf.cert};
  g_autoptr(GBytes) list = make_crl_der(&pki.root, pki.root.key, &revoking);
  g_autoptr(GError) error = NULL;
  g_assert_null(dcap_cert_parse(other_cert, &error));
  g_assert_cmpstr(error->message, ==, "not exactly one DER certificate");
  g_clear_error(&error);
  gsize len;
  const guint8 *data = g_bytes_get_data(list, &len);
  g_assert_cmphex(data[1], ==, 0x81); /* so short that 0x82 is not minimal */
  g_autofree guint8 *longer = g_malloc(len + 1);
  memcpy(longer, (const guint8[]){data[0], 0x82, 0, data[2]}, 4);
  memcpy(longer + 4, data + 3, len - 3);
  g_autoptr(GBytes) other_list = g_bytes_new(longer, len + 1);
  g_assert_null(dcap_crl_parse(other_list, &error));
  g_assert_cmpstr(error->message, ==, "not exactly one DER revocation list");
}

static DcapFailure verify_with_crl(const Pki *pki, const Entity *issuer, EVP_PKEY *signer, const CrlSpec *spec) {
  g_autoptr(DcapCrl) crl = make_crl(issuer, signer, spec);
  g_assert_nonnull(crl);
  X509 *const certs[] = {pki->leaf.cert, pki->authority.cert, pki->root.cert};
  return verify(pki, certs, G_N_ELEMENTS(certs), crl);
}

static void test_revocation(void) {
  g_auto(Pki) pki = make_pki();
  const Entity *authority = &pki.authority;
  const CrlSpec revoked = {.from = NOW - 60, .until = NOW + 60, .revoked = pki.leaf.cert};
  const CrlSpec other_revoked = {.from = NOW - 60, .until = NOW + 60, .revoked = pki.root.cert};
  const CrlSpec future = {.from = NOW + 1, .until = NOW + 60}, ended = {.from = NOW - 60, .until = NOW};
  const CrlSpec critical = {.from = NOW - 60, .until = NOW + 60, .critical_extension = TRUE};
  assert_failure(verify_with_crl(&pki, authority, authority->key, &other_revoked), DCAP_OK, "another serial", 0);
  assert_failure(verify_with_crl(&pki, authority, authority->key, &revoked), DCAP_REVOKED, "revoked", 0);
  assert_failure(verify_with_crl(&pki, authority, authority->key, &future), DCAP_ISSUED_IN_FUTURE, "future", 0);
  assert_failure(verify_with_crl(&pki, authority, authority->key, &ended), DCAP_EXPIRED, "ended", 0);
  assert_failure(verify_with_crl(&pki, authority, authority->key, &critical), DCAP_CHAIN_INVALID, "critical", 0);
  assert_failure(verify_with_crl(&pki, authority, pki.root.key, &current_crl), DCAP_CHAIN_INVALID, "signer", 0);
  assert_failure(verify_with_crl(&pki, &pki.leaf, pki.leaf.key, &current_crl), DCAP_CHAIN_INVALID, "no list", 0);
}

/* With several lists of one issuer, all count. */
static void test_several_lists(void) {
  g_auto(Pki) pki = make_pki();
  const CrlSpec revoking = {.from = NOW - 60, .until = NOW + 60, .revoked = pki.leaf.cert};
  g_autoptr(DcapCrl) good = make_crl(&pki.authority, pki.authority.key, &current_crl);
  g_autoptr(DcapCrl) revoked = make_crl(&pki.authority, pki.authority.key, &revoking);
  DcapCrl *lists[] = {good, revoked};
  X509 *const certs[] = {pki.leaf.cert, pki.authority.cert};
  g_autoptr(GPtrArray) chain = chain_of(certs, G_N_ELEMENTS(certs));
  assert_failure(dcap_crls_check(lists, 1, chain->pdata[0], chain->pdata[1], NOW, NULL), DCAP_OK, "one list", 0);
  assert_failure(dcap_crls_check(lists, 2, chain->pdata[0], chain->pdata[1], NOW, NULL), DCAP_REVOKED, "two lists", 0);
}

static void test_crl_forms(void) {
  g_auto(Pki) pki = make_pki();
  const CrlSpec endless = {.from = NOW - 60};
  g_assert_null(make_crl(&pki.root, pki.root.key, &endless));
  g_autoptr(GBytes) der = make_crl_der(&pki.root, pki.root.key, &current_crl);
  gsize len;
  const guint8 *data = g_bytes_get_data(der, &len);
  for (gsize keep = 0; keep < len; keep++) {
    g_autoptr(GBytes) cut = g_bytes_new(data, keep);
    g_assert_null(dcap_crl_parse(cut, NULL));
  }
  g_autofree guint8 *longer = g_malloc0(len + 1);
  memcpy(longer, data, len);
  g_autoptr(GBytes) trailing = g_bytes_new(longer, len + 1);
  g_assert_null(dcap_crl_parse(trailing, NULL));
}

static void test_anchor(void) {
  g_auto(Pki) pki = make_pki();
  g_autoptr(DcapCrl) good = make_crl(&pki.root, pki.root.key, &current_crl);
  const CrlSpec revoking = {.from = NOW - 60, .until = NOW + 60, .revoked = pki.root.cert};
  g_autoptr(DcapCrl) revoked = make_crl(&pki.root, pki.root.key, &revoking);
  g_autoptr(GBytes) der = cert_to_der(pki.root.cert);
  g_autoptr(DcapCert) root = dcap_cert_parse(der, NULL);
  DcapTrust trust = {.root = root, .crls = &good, .n_crls = 1, .now = NOW};
  assert_failure(dcap_anchor_verify(&trust, NULL), DCAP_OK, "anchor", 0);
  trust.now = NOW + DAY + 1;
  assert_failure(dcap_anchor_verify(&trust, NULL), DCAP_EXPIRED, "anchor ended", 0);
  trust.now = NOW;
  trust.crls = &revoked;
  assert_failure(dcap_anchor_verify(&trust, NULL), DCAP_REVOKED, "anchor revoked", 0);
  trust.n_crls = 0;
  assert_failure(dcap_anchor_verify(&trust, NULL), DCAP_CHAIN_INVALID, "no list", 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dcap/chain/paths", test_paths);
  g_test_add_func("/dcap/chain/certificates", test_certificates);
  g_test_add_func("/dcap/chain/leaf-alone", test_leaf_alone);
  g_test_add_func("/dcap/chain/path-length", test_path_length);
  g_test_add_func("/dcap/chain/purpose-of-issuer", test_purpose_of_issuer);
  g_test_add_func("/dcap/chain/key-usage", test_key_usage);
  g_test_add_func("/dcap/chain/namesakes", test_namesakes);
  g_test_add_func("/dcap/chain/algorithms", test_algorithms);
  g_test_add_func("/dcap/chain/duplicate-extension", test_duplicate_extension);
  g_test_add_func("/dcap/chain/not-canonical", test_not_canonical);
  g_test_add_func("/dcap/chain/revocation", test_revocation);
  g_test_add_func("/dcap/chain/several-lists", test_several_lists);
  g_test_add_func("/dcap/chain/crl-forms", test_crl_forms);
  g_test_add_func("/dcap/chain/anchor", test_anchor);
  return g_test_run();
}
