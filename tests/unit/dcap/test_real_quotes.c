/* Real quotes with real collateral under Intel's root: every outcome as written beside them, and every kind of damage.
 */
#include "base/json.h"
#include "crypto/x509.h"
#include "damage.h"
#include "dcap/dcap.h"
#include "fixture.h"

#include <string.h>

/* The simulated sample is walked byte by byte; real ones only need to show that theirs is no different. */
#define COLLATERAL_STRIDE 7

static json_t *read_json(const char *name) {
  g_autoptr(GBytes) content = fixture_bytes(name);
  if (!content)
    return NULL;
  json_t *json = json_parse(g_bytes_get_data(content, NULL), g_bytes_get_size(content), name, NULL);
  g_assert_nonnull(json);
  return json;
}

/* Raw, hex text, or JSON with a member "quote". */
static GBytes *read_quote(const char *name) {
  if (!g_str_has_suffix(name, ".json"))
    return fixture_bytes(name);
  g_autoptr(json_t) json = read_json(name);
  return json ? json_get_hex(json, "quote", name, NULL) : NULL;
}

static gboolean read_sample(const char *quote, const char *collateral, gint64 now, Sample *out) {
  *out = (Sample){.quote = read_quote(quote), .collateral = read_json(collateral), .now = now};
  return out->quote && out->collateral;
}

static void assert_statuses(const DcapVerdict *verdict, const json_t *pair) {
  g_assert_cmpstr(tcb_status_name(verdict->status), ==, json_string_value(json_object_get(pair, "status")));
  g_assert_cmpstr(tcb_status_name(verdict->platform_status), ==,
                  json_string_value(json_object_get(pair, "platform_status")));
  g_assert_cmpstr(tcb_status_name(verdict->qe_status), ==, json_string_value(json_object_get(pair, "qe_status")));
  const json_t *module = json_object_get(pair, "module_status");
  g_assert_cmpint(verdict->has_module_status, ==, json_is_string(module));
  if (verdict->has_module_status)
    g_assert_cmpstr(tcb_status_name(verdict->module_status), ==, json_string_value(module));
  const json_t *ids = json_object_get(pair, "advisory_ids");
  g_assert_cmpuint(verdict->advisory_ids->len, ==, json_array_size(ids));
  for (guint i = 0; i < verdict->advisory_ids->len; i++)
    g_assert_cmpstr(verdict->advisory_ids->pdata[i], ==, json_string_value(json_array_get(ids, i)));
}

static void check_pair(const json_t *pair) {
  g_auto(Sample) sample = {0};
  g_assert_true(read_sample(json_string_value(json_object_get(pair, "quote")),
                            json_string_value(json_object_get(pair, "collateral")),
                            json_integer_value(json_object_get(pair, "now")), &sample));
  g_autoptr(DcapCollateral) collateral = sample_collateral(&sample);
  DcapOptions options = {.now = sample.now};
  for (int again = 0; again < 2; again++) { /* the second time with everything remembered */
    g_auto(DcapVerdict) verdict = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Quote) quote = NULL;
    gboolean verified = dcap_verify_bytes(sample.quote, collateral, &options, &verdict, &quote, &error);
    g_assert_nonnull(quote);
    g_assert_false(verdict.external_root);
    const char *failure = json_string_value(json_object_get(pair, "error"));
    g_assert_cmpstr(verified ? NULL : dcap_failure_name(verdict.failure), ==, failure);
    if (verified)
      assert_statuses(&verdict, pair);
  }
}

static void test_expected_pairs(void) {
  g_autoptr(json_t) expected = read_json("expected.json");
  if (!expected)
    return;
  size_t i;
  json_t *pair;
  json_array_foreach(json_object_get(expected, "pairs"), i, pair) check_pair(pair);
  g_assert_cmpuint(i, >=, 10);
}

/* The window of a pair: from the latest issue date, until the earliest end; lists end one second sooner. */
static void test_window(void) {
  g_autoptr(json_t) expected = read_json("expected.json");
  if (!expected)
    return;
  size_t i;
  json_t *pair;
  json_array_foreach(json_object_get(expected, "pairs"), i, pair) {
    if (!json_object_get(pair, "status"))
      continue;
    g_auto(Sample) sample = {0};
    g_assert_true(read_sample(json_string_value(json_object_get(pair, "quote")),
                              json_string_value(json_object_get(pair, "collateral")), 0, &sample));
    gint64 from = json_integer_value(json_object_get(pair, "valid_from"));
    gint64 until = json_integer_value(json_object_get(pair, "valid_until"));
    sample.now = from;
    assert_failure(sample_verify(&sample), DCAP_OK, "first second", i);
    sample.now = from - 1;
    assert_failure(sample_verify(&sample), DCAP_ISSUED_IN_FUTURE, "before", i);
    sample.now = until - 1;
    assert_failure(sample_verify(&sample), DCAP_OK, "last second but one", i);
    sample.now = until + 1;
    assert_failure(sample_verify(&sample), DCAP_EXPIRED, "after", i);
  }
}

static void check_other_collateral(const char *quote, const char *collateral, gint64 now, DcapFailure expected) {
  g_auto(Sample) sample = {0};
  if (!read_sample(quote, collateral, now, &sample))
    return;
  assert_failure(sample_verify(&sample), expected, collateral, 0);
}

static void test_other_collateral(void) {
  static const char v4[] = "dcap/tdx_v4.quote.bin", v5[] = "dcap/tdx_v5_td15_ok.quote.bin",
                    sgx[] = "dcap/sgx_v3.quote.bin";
  check_other_collateral(v4, "dcap/tdx_v5_td15.collateral.json", 1774003274, DCAP_FMSPC_MISMATCH);
  check_other_collateral(v4, "dcap/tdx_v4_mrconfigid.collateral.json", 1759388630, DCAP_FMSPC_MISMATCH);
  check_other_collateral(v5, "dcap/tdx_v4.collateral.json", 1752919234, DCAP_EXPIRED); /* its PCK is younger */
  check_other_collateral(v4, "dcap/sgx_v3.collateral.json", 1752919234, DCAP_WRONG_TCB_INFO_TYPE);
  check_other_collateral(sgx, "dcap/tdx_v4.collateral.json", 1752919234, DCAP_WRONG_TCB_INFO_TYPE);
}

/* Another root than Intel's makes nothing of Intel's valid. */
static void test_other_root(void) {
  g_auto(Sample) sample = {0};
  if (!read_sample("dcap/tdx_v4.quote.bin", "dcap/tdx_v4.collateral.json", 1752919234, &sample))
    return;
  const char *pem = json_string_value(json_object_get(sample.collateral, "pck_crl_issuer_chain"));
  g_autoptr(X509) intermediate = cert_from_pem(pem, strlen(pem), NULL);
  sample.root = g_steal_pointer(&intermediate);
  assert_failure(sample_verify(&sample), DCAP_CHAIN_INVALID, "intermediate as root", 0);
}

typedef enum { QUOTE, COLLATERAL } Target;

static void damage(const char *quote, const char *collateral, gint64 now, Target target) {
  g_auto(Sample) sample = {0};
  if (!read_sample(quote, collateral, now, &sample))
    return;
  if (target == QUOTE)
    damage_quote(&sample);
  else
    damage_collateral(&sample, COLLATERAL_STRIDE);
}

static void test_damaged_v4(void) { damage("dcap/tdx_v4.quote.bin", "dcap/tdx_v4.collateral.json", 1752919234, QUOTE); }
static void test_damaged_v5(void) {
  damage("dcap/tdx_v5_td15_ok.quote.bin", "dcap/tdx_v5_td15.collateral.json", 1774003274, QUOTE);
}
static void test_damaged_v3(void) { damage("dcap/sgx_v3.quote.bin", "dcap/sgx_v3.collateral.json", 1752919277, QUOTE); }
static void test_damaged_tdx_collateral(void) {
  damage("dcap/tdx_v4.quote.bin", "dcap/tdx_v4.collateral.json", 1752919234, COLLATERAL);
}
static void test_damaged_sgx_collateral(void) {
  damage("dcap/sgx_v3.quote.bin", "dcap/sgx_v3.collateral.json", 1752919277, COLLATERAL);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dcap/real/expected-pairs", test_expected_pairs);
  g_test_add_func("/dcap/real/window", test_window);
  g_test_add_func("/dcap/real/other-collateral", test_other_collateral);
  g_test_add_func("/dcap/real/other-root", test_other_root);
  g_test_add_func("/dcap/real/damaged-v4", test_damaged_v4);
  g_test_add_func("/dcap/real/damaged-v5", test_damaged_v5);
  g_test_add_func("/dcap/real/damaged-v3", test_damaged_v3);
  g_test_add_func("/dcap/real/damaged-tdx-collateral", test_damaged_tdx_collateral);
  g_test_add_func("/dcap/real/damaged-sgx-collateral", test_damaged_sgx_collateral);
  return g_test_run();
}
