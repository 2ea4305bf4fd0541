/* Quotes of the simulated TEE verify by the same rules under their own root, and under no other. */
#include "base/json.h"
#include "crypto/x509.h"
#include "damage.h"
#include "tdx/simulated.h"

#include <string.h>

#define NOW 1795000000

static void make_sample(guint8 seed_byte, const TdReport *report, Sample *out) {
  guint8 seed_bytes[32];
  memset(seed_bytes, seed_byte, sizeof seed_bytes);
  g_autoptr(Secret) seed = secret_new(seed_bytes, sizeof seed_bytes);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_autofree char *root = simulated_pki_root_pem(pki);
  g_autofree char *collateral = simulated_pki_collateral(pki, NOW, NULL);
  *out = (Sample){.quote = simulated_quote(pki, report, NULL),
                  .collateral = json_parse(collateral, strlen(collateral), "collateral", NULL),
                  .root = cert_from_pem(root, strlen(root), NULL),
                  .now = NOW};
  g_assert_true(out->quote && out->collateral && out->root);
}

static void healthy_sample(Sample *out) {
  TdReport report = {0};
  simulated_report_init(&report);
  make_sample(7, &report, out);
}

static void test_verdict(void) {
  g_auto(Sample) sample = {0};
  healthy_sample(&sample);
  g_autoptr(DcapCollateral) collateral = sample_collateral(&sample);
  g_autoptr(Quote) quote = quote_parse(sample.quote, NULL);
  DcapOptions options = {.root = sample.root, .now = sample.now};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  g_assert_true(dcap_verify(quote, collateral, &options, &verdict, &error));
  g_assert_no_error(error);
  g_assert_cmpint(verdict.status, ==, TCB_UP_TO_DATE);
  g_assert_true(verdict.external_root);
  g_assert_cmpuint(verdict.advisory_ids->len, ==, 0);
}

static void test_roots(void) {
  g_auto(Sample) sample = {0}, other = {0};
  healthy_sample(&sample);
  TdReport report = {0};
  simulated_report_init(&report);
  make_sample(8, &report, &other);
  X509 *root = sample.root;
  sample.root = NULL;
  assert_failure(sample_verify(&sample), DCAP_CHAIN_INVALID, "intel's root", 0);
  sample.root = other.root;
  assert_failure(sample_verify(&sample), DCAP_CHAIN_INVALID, "another installation's root", 0);
  sample.root = root;
  assert_failure(sample_verify(&sample), DCAP_OK, "own root", 0);
  /* The other's quote, with this installation's collateral and root. */
  gsize len;
  const void *foreign = g_bytes_get_data(other.quote, &len);
  g_autoptr(DcapCollateral) collateral = sample_collateral(&sample);
  assert_failure(sample_verify_quote(&sample, collateral, foreign, len), DCAP_CHAIN_INVALID, "another's quote", 0);
}

static DcapFailure verify_report(void (*change)(TdReport *report)) {
  g_auto(Sample) sample = {0};
  TdReport report = {0};
  simulated_report_init(&report);
  change(&report);
  make_sample(7, &report, &sample);
  return sample_verify(&sample);
}

static void set_debug(TdReport *report) { report->td_attributes[0] |= 0x01; }
static void set_perf_profile(TdReport *report) { report->td_attributes[0] |= 0x20; }
static void set_reserved(TdReport *report) { report->td_attributes[1] |= 0x01; }
static void set_migratable(TdReport *report) { report->td_attributes[3] |= 0x20; }
static void set_bit39(TdReport *report) { report->td_attributes[4] |= 0x80; }
static void set_perfmon(TdReport *report) { report->td_attributes[7] |= 0x80; }
static void clear_sept_ve(TdReport *report) { report->td_attributes[3] &= (guint8)~0x10; }
static void set_pks_kl(TdReport *report) { report->td_attributes[3] |= 0xc0; }
static void set_seam_signer(TdReport *report) { report->mr_signer_seam[47] = 1; }
static void set_seam_attributes(TdReport *report) { report->seam_attributes[0] = 1; }

static void test_attributes(void) {
  assert_failure(verify_report(set_debug), DCAP_DEBUG, "debug", 0);
  assert_failure(verify_report(set_perf_profile), DCAP_DEBUG, "perf_prof", 0);
  assert_failure(verify_report(set_reserved), DCAP_RESERVED_ATTRIBUTES, "bit 8", 0);
  assert_failure(verify_report(set_migratable), DCAP_RESERVED_ATTRIBUTES, "migratable", 0);
  assert_failure(verify_report(set_bit39), DCAP_RESERVED_ATTRIBUTES, "bit 39", 0);
  assert_failure(verify_report(set_perfmon), DCAP_RESERVED_ATTRIBUTES, "perfmon", 0);
  assert_failure(verify_report(clear_sept_ve), DCAP_SEPT_VE, "sept_ve", 0);
  assert_failure(verify_report(set_pks_kl), DCAP_OK, "pks and kl", 0);
  assert_failure(verify_report(set_seam_signer), DCAP_MODULE_IDENTITY_MISMATCH, "signer of the module", 0);
  assert_failure(verify_report(set_seam_attributes), DCAP_MODULE_IDENTITY_MISMATCH, "attributes of the module", 0);
}

static gpointer verify_many(gpointer data) {
  gpointer *context = data;
  const Sample *sample = context[0];
  gsize len;
  const void *quote = g_bytes_get_data(sample->quote, &len);
  for (int i = 0; i < 50; i++)
    assert_failure(sample_verify_quote(sample, context[1], quote, len), DCAP_OK, "shared collateral", 0);
  return NULL;
}

static void test_threads(void) {
  g_auto(Sample) sample = {0};
  healthy_sample(&sample);
  g_autoptr(DcapCollateral) collateral = sample_collateral(&sample);
  gpointer context[] = {&sample, collateral};
  GThread *threads[4];
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("verify", verify_many, context);
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
}

static void test_damaged_quote(void) {
  g_auto(Sample) sample = {0};
  healthy_sample(&sample);
  damage_quote(&sample);
}

static void test_damaged_collateral(void) {
  g_auto(Sample) sample = {0};
  healthy_sample(&sample);
  damage_collateral(&sample, 5);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dcap/simulated/verdict", test_verdict);
  g_test_add_func("/dcap/simulated/roots", test_roots);
  g_test_add_func("/dcap/simulated/attributes", test_attributes);
  g_test_add_func("/dcap/simulated/threads", test_threads);
  g_test_add_func("/dcap/simulated/damaged-quote", test_damaged_quote);
  g_test_add_func("/dcap/simulated/damaged-collateral", test_damaged_collateral);
  return g_test_run();
}
