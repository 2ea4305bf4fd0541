/* Tests of certificate requests of version 2, and of the evidence in requests of both (spec: attestation D.4, D.5).
 * Vector: I. */
#include "base/error.h"
#include "crypto/digest.h"
#include "ratls/csr.h"
#include "simulated_tee.h"
#include "unit/crypto/vectors.h"

#include <string.h>

#define SPKI                                                                                                           \
  "3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0"   \
  "c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0"
#define ATTESTATION_HEAD                                                                                               \
  "83a776657273696f6e01a8706c6174666f726d82a46b696e64a3746478a46461746182a571756f7465930102ccffa96576656e745f6c6f67"   \
  "9185a3696d7203aa6576656e745f74797065ce08000001a6646967657374c400a56576656e74a66170702d6964ad6576656e745f7061796c"   \
  "6f6164c40142a5737461636b82a46b696e64a664737461636ba46461746183ab7265706f72745f64617461dc0040"
#define ATTESTATION_TAIL                                                                                               \
  "ae72756e74696d655f6576656e74739182a56576656e74a66170702d6964a77061796c6f6164c40142a6636f6e666967a27b7d"
#define VECTOR_SHA256 "d1a1a468d1514ebc3276883519e621d26dd116712a9648670973086230b3330f"

static GBytes *vector_attestation(void) {
  g_autoptr(GString) hex = g_string_new(ATTESTATION_HEAD);
  for (guint i = 0; i < 64; i++)
    g_string_append(hex, "00");
  g_string_append(hex, ATTESTATION_TAIL);
  return unhex(hex->str);
}

static RatlsCsr *sample(GBytes *pubkey, GBytes *attestation) {
  RatlsCsr *csr = g_new0(RatlsCsr, 1);
  csr->version = 2;
  csr->pubkey = g_bytes_ref(pubkey);
  csr->subject = g_strdup("app.example.com");
  csr->alt_names = g_strsplit("a.example", ",", -1);
  csr->server_auth = csr->ext_quote = TRUE;
  csr->has_not_after = TRUE;
  csr->not_after = 4102444800;
  csr->attestation = g_bytes_ref(attestation);
  return csr;
}

static void test_vector(void) {
  g_autoptr(GBytes) pubkey = unhex(SPKI), attestation = vector_attestation();
  g_autoptr(RatlsCsr) csr = sample(pubkey, attestation);
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  g_assert_cmpuint(g_bytes_get_size(encoded), ==, 426);
  guint8 hash[SHA256_SIZE];
  digest_sha256(g_bytes_get_data(encoded, NULL), 426, hash);
  assert_hex(hash, sizeof hash, VECTOR_SHA256);
}

/* The beginning of another vector, whose public key is three bytes. */
static void test_prefix(void) {
  g_autoptr(GBytes) pubkey = unhex("010203"), attestation = unhex("00");
  g_autoptr(RatlsCsr) csr = sample(pubkey, attestation);
  g_free(csr->subject);
  csr->subject = g_strdup("test.example.com");
  g_clear_pointer(&csr->alt_names[0], g_free);
  csr->ext_quote = csr->has_not_after = FALSE;
  csr->has_not_before = TRUE;
  csr->not_before = 1750000000;
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  assert_bytes_hex(encoded, "44706c65617365207369676e20636572743a0c0102030040746573742e6578616d706c652e636f6d00"
                            "010000"                 /* server, client, quote */
                            "000180e14e680000000000" /* app info, not before, not after */
                            "00");
}

static RatlsCsr *open_signed(EVP_PKEY *key, const void *data, gsize len, GError **error) {
  g_autoptr(GBytes) encoded = g_bytes_new(data, len), signature = p256_sign(key, data, len);
  return ratls_csr_open(2, encoded, signature, error);
}

static void test_open(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) pubkey = p256_spki(key), attestation = vector_attestation();
  g_autoptr(RatlsCsr) csr = sample(pubkey, attestation);
  csr->ext_app_info = TRUE;
  g_autoptr(GBytes) encoded = ratls_csr_encode(csr);
  gsize len;
  const guint8 *data = g_bytes_get_data(encoded, &len);
  g_autoptr(RatlsCsr) opened = open_signed(key, data, len, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(opened->version, ==, 2);
  g_assert_cmpstr(opened->subject, ==, "app.example.com");
  g_assert_true(opened->ext_app_info && opened->has_not_after && !opened->has_not_before);
  g_assert_cmpuint(opened->not_after, ==, 4102444800);
  g_assert_true(g_bytes_equal(opened->attestation, attestation));
  const gsize fixed = len - g_bytes_get_size(attestation);
  for (gsize cut = 0; cut < fixed; cut++)
    g_assert_null(open_signed(key, data, cut, NULL));
  g_autofree guint8 *altered = g_memdup2(data, len);
  altered[fixed - 10] = 2; /* the option before not_after's eight bytes */
  g_assert_null(open_signed(key, altered, len, NULL));
}

static gboolean is_bound(SimulatedTee *tee, EVP_PKEY *key, const RatlsCsr *csr, GError **error) {
  g_autoptr(RatlsVerifier) verifier = simulated_tee_verifier(tee);
  g_autoptr(GBytes) pubkey = p256_spki(key);
  g_assert_true(g_bytes_equal(pubkey, csr->pubkey));
  g_autoptr(VerifiedEvidence) evidence = ratls_csr_verify(verifier, csr, error);
  return evidence != NULL;
}

static void test_evidence_v1(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(SimulatedTee) tee = simulated_tee_new(1);
  simulated_tee_boot(tee);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(RatlsCsr) csr = g_new0(RatlsCsr, 1);
  csr->version = 1;
  csr->pubkey = p256_spki(key);
  g_assert_true(ratls_take_evidence(tee->platform, key, &csr->quote, &csr->event_log, &error));
  g_assert_true(is_bound(tee, key, csr, &error));
  g_assert_no_error(error);
  g_bytes_unref(csr->event_log);
  csr->event_log = g_bytes_new(NULL, 0); /* no json */
  g_assert_false(is_bound(tee, key, csr, NULL));
  g_bytes_unref(csr->quote);
  csr->quote = g_bytes_new(NULL, 0);
  g_assert_false(is_bound(tee, key, csr, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
}

static void test_evidence_v2(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(SimulatedTee) tee = simulated_tee_new(1);
  simulated_tee_boot(tee);
  g_autoptr(EVP_PKEY) key = p256_generate(), thief = p256_generate();
  g_autoptr(RatlsAttestation) attestation = ratls_take_attestation(tee->platform, key, "{}", &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) encoded = ratls_attestation_encode(attestation), nothing = g_bytes_new(NULL, 0);
  g_autoptr(GBytes) pubkey = p256_spki(key), stolen_by = p256_spki(thief);
  g_autoptr(RatlsCsr) good = sample(pubkey, encoded), stolen = sample(stolen_by, encoded),
                      empty = sample(pubkey, nothing);
  g_assert_true(is_bound(tee, key, good, &error));
  g_assert_no_error(error);
  g_assert_false(is_bound(tee, thief, stolen, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_clear_error(&error);
  g_assert_false(is_bound(tee, key, empty, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ratls/csr-v2/vector", test_vector);
  g_test_add_func("/ratls/csr-v2/prefix", test_prefix);
  g_test_add_func("/ratls/csr-v2/open", test_open);
  g_test_add_func("/ratls/csr/evidence-v1", test_evidence_v1);
  g_test_add_func("/ratls/csr/evidence-v2", test_evidence_v2);
  return g_test_run();
}
