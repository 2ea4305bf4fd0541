/* Never a false yes: every byte of a valid quote and of its collateral is changed, and what still verifies says what
 * was signed.
 *
 * Usage: test-dcap-every-byte SHARD N_SHARDS; the walks are shared out between programs that run side by side. */
#include "base/json.h"
#include "crypto/x509.h"
#include "fixture.h"
#include "signed_content.h"
#include "tdx/simulated/scenario.h"

#include <string.h>

#define NOW 1795000000

static gsize shard, n_shards;

typedef struct {
  GBytes *quote, *collateral; /* as a verifier gets them */
  DcapOptions options;
} Pair;

static void pair_clear(Pair *pair) {
  g_bytes_unref(pair->quote);
  g_bytes_unref(pair->collateral);
  X509_free(pair->options.root);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

static gboolean verify(const Pair *pair, GBytes *raw, const DcapCollateral *collateral, Quote **quote) {
  g_auto(DcapVerdict) verdict = {0};
  gboolean verified = dcap_verify_bytes(raw, collateral, &pair->options, &verdict, quote, NULL);
  g_assert_cmpint(verified, ==, verdict.failure == DCAP_OK);
  return verified;
}

static DcapCollateral *parse(GBytes *json) {
  gsize len;
  const char *text = g_bytes_get_data(json, &len);
  return dcap_collateral_parse(text, len, NULL);
}

static GBytes *changed(GBytes *good, gsize at, guint8 mask) {
  gsize len;
  const guint8 *data = g_bytes_get_data(good, &len);
  guint8 *bad = g_memdup2(data, len);
  bad[at] ^= mask;
  return g_bytes_new_take(bad, len);
}

/* Returns how many changes were without effect. */
static guint walk_quote(const Pair *pair, guint8 mask) {
  g_autoptr(DcapCollateral) collateral = parse(pair->collateral);
  g_autoptr(Quote) good = NULL;
  g_assert_true(verify(pair, pair->quote, collateral, &good));
  g_autoptr(GBytes) signed_content = signed_content_of_quote(good);
  guint n_accepted = 0;
  for (gsize at = shard; at < g_bytes_get_size(pair->quote); at += n_shards) {
    g_autoptr(GBytes) bad = changed(pair->quote, at, mask);
    g_autoptr(Quote) quote = NULL;
    if (!verify(pair, bad, collateral, &quote))
      continue;
    g_autoptr(GBytes) content = signed_content_of_quote(quote);
    if (!g_bytes_equal(content, signed_content))
      g_error("a quote with byte %" G_GSIZE_FORMAT " changed by %02x was accepted", at, mask);
    n_accepted++;
  }
  return n_accepted;
}

static guint walk_collateral(const Pair *pair, guint8 mask, gsize stride) {
  g_autoptr(DcapCollateral) good = parse(pair->collateral);
  g_autoptr(GBytes) signed_content = signed_content_of_collateral(good);
  g_assert_true(verify(pair, pair->quote, good, NULL));
  guint n_accepted = 0;
  for (gsize at = shard * stride; at < g_bytes_get_size(pair->collateral); at += n_shards * stride) {
    g_autoptr(GBytes) bad = changed(pair->collateral, at, mask);
    g_autoptr(DcapCollateral) collateral = parse(bad);
    if (!collateral || !verify(pair, pair->quote, collateral, NULL))
      continue;
    g_autoptr(GBytes) content = signed_content_of_collateral(collateral);
    if (!g_bytes_equal(content, signed_content))
      g_error("collateral with byte %" G_GSIZE_FORMAT " changed by %02x was accepted", at, mask);
    n_accepted++;
  }
  return n_accepted;
}

static void make_pair(guint version, Pair *out) {
  guint8 bytes[32] = {3};
  g_autoptr(Secret) seed = secret_new(bytes, sizeof bytes);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, version);
  g_autofree char *root = simulated_pki_root_pem(pki);
  char *collateral = simulated_scenario_collateral(scenario);
  *out = (Pair){.quote = simulated_scenario_quote(scenario),
                .collateral = g_bytes_new_take(collateral, strlen(collateral)),
                .options = {.root = cert_from_pem(root, strlen(root), NULL), .now = NOW}};
}

/* Lengths between the signed parts, text around PEM blocks, hex in the other case, the chain that is not needed: there
 * are changes without effect, but they are few. */
static void assert_few(guint n_accepted, GBytes *all) {
  g_test_message("%u of %" G_GSIZE_FORMAT " changes without effect", n_accepted, g_bytes_get_size(all) / n_shards);
  g_assert_cmpuint(n_accepted, <, g_bytes_get_size(all) / n_shards / 3);
}

static void test_quotes(void) {
  for (guint version = 3; version <= 5; version++) {
    g_auto(Pair) pair = {0};
    make_pair(version, &pair);
    assert_few(walk_quote(&pair, 0x01), pair.quote);
    assert_few(walk_quote(&pair, 0x80), pair.quote);
  }
}

static void test_collateral(void) {
  g_auto(Pair) pair = {0};
  make_pair(4, &pair);
  assert_few(walk_collateral(&pair, 0x01, 1), pair.collateral);
}

static void walk_real(const char *quote, const char *collateral, gint64 now, gsize collateral_stride) {
  g_autoptr(GBytes) quote_bytes = fixture_bytes(quote), collateral_bytes = fixture_bytes(collateral);
  if (!quote_bytes || !collateral_bytes)
    return;
  g_auto(Pair) pair = {.quote = g_steal_pointer(&quote_bytes),
                       .collateral = g_steal_pointer(&collateral_bytes),
                       .options = {.now = now}};
  assert_few(walk_quote(&pair, 0x01), pair.quote);
  walk_collateral(&pair, 0x01, collateral_stride);
}

static void test_real(void) {
  walk_real("dcap/tdx_v4.quote.bin", "dcap/tdx_v4.collateral.json", 1752919234, 1);
  walk_real("dcap/tdx_v5_td15_ok.quote.bin", "dcap/tdx_v5_td15.collateral.json", 1774003274, 5);
  walk_real("dcap/sgx_v3.quote.bin", "dcap/sgx_v3.collateral.json", 1752919277, 5);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shard = argc == 3 ? g_ascii_strtoull(argv[1], NULL, 10) : 0;
  n_shards = argc == 3 ? g_ascii_strtoull(argv[2], NULL, 10) : 1;
  g_assert_cmpuint(n_shards, >, shard);
  g_test_add_func("/dcap/every-byte/quotes", test_quotes);
  g_test_add_func("/dcap/every-byte/collateral", test_collateral);
  g_test_add_func("/dcap/every-byte/real", test_real);
  return g_test_run();
}
