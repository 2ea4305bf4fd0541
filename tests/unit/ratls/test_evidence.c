/* Tests of lib/ratls: attested certificates and their verification, on a simulated TEE (spec: attestation B.12, D). */
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "ratls/td_rules.h"
#include "simulated_tee.h"
#include "tdx/report_data.h"
#include "tdx/simulated/scenario.h"

#include <openssl/x509v3.h>
#include <string.h>

typedef struct {
  SimulatedTee *tee;
  RatlsVerifier *verifier;
  EVP_PKEY *key, *ca_key;
  X509 *ca;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  fixture->tee = simulated_tee_new(1);
  simulated_tee_boot(fixture->tee);
  fixture->verifier = simulated_tee_verifier(fixture->tee);
  fixture->key = p256_generate();
  fixture->ca_key = p256_generate();
  const CertSpec spec = {.organization = "Dstack", .common_name = "Dstack Client Temp CA"};
  fixture->ca = cert_build(&spec, fixture->ca_key, NULL, fixture->ca_key, NULL);
}

static void tear_down(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  ratls_verifier_unref(fixture->verifier);
  X509_free(fixture->ca);
  EVP_PKEY_free(fixture->key);
  EVP_PKEY_free(fixture->ca_key);
  simulated_tee_free(fixture->tee);
}

static X509 *temp_certificate(Fixture *fixture) {
  g_autoptr(GError) error = NULL;
  X509 *cert = ratls_temp_certificate(fixture->tee->platform, fixture->key, fixture->ca, fixture->ca_key, &error);
  g_assert_no_error(error);
  return cert;
}

/* A certificate for `key` with these extensions, each left out when NULL. */
static X509 *certificate_with(EVP_PKEY *key, GBytes *quote, GBytes *event_log) {
  CertExtension extensions[2];
  gsize n = 0;
  if (quote)
    extensions[n++] = (CertExtension){RATLS_OID_QUOTE, quote};
  if (event_log)
    extensions[n++] = (CertExtension){RATLS_OID_EVENT_LOG, event_log};
  const CertSpec spec = {.common_name = "x", .ca_path_len = -1, .extensions = extensions, .n_extensions = n};
  return cert_build(&spec, key, NULL, key, NULL);
}

static void assert_refused(Fixture *fixture, X509 *cert, int code, const char *text) {
  g_autoptr(GError) error = NULL;
  VerifiedEvidence *evidence = NULL;
  g_assert_false(ratls_verify_certificate(fixture->verifier, cert, &evidence, &error));
  g_assert_null(evidence);
  g_assert_error(error, DSTACK_ERROR, code);
  if (text && !strstr(error->message, text))
    g_error("\"%s\" does not say \"%s\"", error->message, text);
}

static void test_good(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(X509) cert = temp_certificate(fixture);
  char name[64];
  X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof name);
  g_assert_cmpstr(name, ==, "/CN=RA-TLS TEMP Cert");
  g_assert_true(ratls_cert_carries_evidence(cert));
  g_autoptr(VerifiedEvidence) evidence = NULL;
  ratls_verify_certificate(fixture->verifier, cert, &evidence, &error);
  g_assert_no_error(error);
  g_assert_nonnull(evidence);
  const guint8 app_id[20] = {[0 ... 19] = 0x11};
  g_assert_cmpmem(g_bytes_get_data(evidence->app_info->app_id, NULL), g_bytes_get_size(evidence->app_info->app_id),
                  app_id, 20);
  g_assert_nonnull(evidence->boot_info);
  g_assert_true(evidence->external_root);
  g_assert_cmpint(evidence->tcb_status, ==, TCB_UP_TO_DATE);
  g_assert_cmpuint(evidence->log->len, ==, 8);
  g_assert_true(g_str_has_prefix(evidence->log_json, "[{"));
}

static void test_no_evidence(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  VerifiedEvidence *evidence = (VerifiedEvidence *)1;
  g_assert_false(ratls_cert_carries_evidence(fixture->ca));
  g_assert_true(ratls_verify_certificate(fixture->verifier, fixture->ca, &evidence, NULL));
  g_assert_null(evidence);
}

static void test_without_boot_mr_done(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(SimulatedTee) tee = simulated_tee_new(1);
  const guint8 hash[32] = {1};
  g_assert_true(tdx_emit_event(tee->platform, "compose-hash", hash, sizeof hash, NULL));
  g_autoptr(X509) cert = ratls_temp_certificate(tee->platform, fixture->key, fixture->ca, fixture->ca_key, NULL);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  ratls_verify_certificate(fixture->verifier, cert, &evidence, &error);
  g_assert_no_error(error);
  g_assert_null(evidence->boot_info);
}

static void test_bound_to_the_key(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_assert_true(ratls_take_evidence(fixture->tee->platform, fixture->key, &quote, &event_log, NULL));
  g_autoptr(X509) own = certificate_with(fixture->key, quote, event_log);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  g_assert_true(ratls_verify_certificate(fixture->verifier, own, &evidence, NULL));
  g_autoptr(EVP_PKEY) thief = p256_generate();
  g_autoptr(X509) stolen = certificate_with(thief, quote, event_log);
  assert_refused(fixture, stolen, DSTACK_ERROR_UNVERIFIED, "report data mismatch");
}

static void test_incomplete(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) quote = NULL, event_log = NULL, nothing = g_bytes_new(NULL, 0);
  g_assert_true(ratls_take_evidence(fixture->tee->platform, fixture->key, &quote, &event_log, NULL));
  g_autoptr(X509) no_log = certificate_with(fixture->key, quote, NULL);
  g_autoptr(X509) no_quote = certificate_with(fixture->key, NULL, event_log);
  g_autoptr(X509) empty_log = certificate_with(fixture->key, quote, nothing);
  g_autoptr(X509) empty_quote = certificate_with(fixture->key, nothing, event_log);
  assert_refused(fixture, no_log, DSTACK_ERROR_INVALID, "quote without event log");
  assert_refused(fixture, no_quote, DSTACK_ERROR_INVALID, "event log without quote");
  assert_refused(fixture, empty_log, DSTACK_ERROR_INVALID, "event log");
  assert_refused(fixture, empty_quote, DSTACK_ERROR_INVALID, NULL);
}

static void test_versioned_only(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) attestation = g_bytes_new_static("\x80", 1);
  const CertExtension extension = {RATLS_OID_ATTESTATION, attestation};
  const CertSpec spec = {.common_name = "x", .ca_path_len = -1, .extensions = &extension, .n_extensions = 1};
  g_autoptr(X509) cert = cert_build(&spec, fixture->key, NULL, fixture->key, NULL);
  g_assert_true(ratls_cert_carries_evidence(cert));
  assert_refused(fixture, cert, DSTACK_ERROR_INVALID, "attestation");
}

static void test_altered_quote(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_assert_true(ratls_take_evidence(fixture->tee->platform, fixture->key, &quote, &event_log, NULL));
  gsize len;
  const guint8 *good = g_bytes_get_data(quote, &len);
  g_autoptr(Quote) parsed = quote_parse(quote, NULL);
  const gsize covered = (gsize)(parsed->cert_data - good); /* the chain after it may hold a root nobody needs */
  for (gsize i = 0; i < covered; i += 37) {                /* a sample: lib/dcap's own tests go through every byte */
    g_autofree guint8 *bytes = g_memdup2(good, len);
    bytes[i] ^= 1;
    g_autoptr(GBytes) altered = g_bytes_new(bytes, len);
    g_autoptr(X509) cert = certificate_with(fixture->key, altered, event_log);
    VerifiedEvidence *evidence;
    g_assert_false(ratls_verify_certificate(fixture->verifier, cert, &evidence, NULL));
    g_autoptr(GBytes) cut = g_bytes_new(good, i);
    g_autoptr(X509) shorter = certificate_with(fixture->key, cut, event_log);
    g_assert_false(ratls_verify_certificate(fixture->verifier, shorter, &evidence, NULL));
  }
}

static void test_altered_log(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  g_assert_true(ratls_take_evidence(fixture->tee->platform, fixture->key, &quote, &event_log, NULL));
  gsize len;
  const char *json = g_bytes_get_data(event_log, &len);
  for (guint drop = 0; drop < 8; drop++) { /* any event missing, or standing elsewhere */
    g_autoptr(TdxEventLog) log = tdx_event_log_parse(json, len, NULL);
    g_ptr_array_remove_index(log, drop);
    char *text = tdx_event_log_print(log);
    g_autoptr(GBytes) altered = g_bytes_new_take(text, strlen(text));
    g_autoptr(X509) cert = certificate_with(fixture->key, quote, altered);
    assert_refused(fixture, cert, DSTACK_ERROR_UNVERIFIED, "rtmr mismatch");
  }
  /* A payload changed under its digest. */
  g_autofree char *changed = g_strndup(json, len);
  char *at = strstr(changed, "1111");
  g_assert_nonnull(at);
  *at = '2';
  g_autoptr(GBytes) altered = g_bytes_new(changed, len);
  g_autoptr(X509) cert = certificate_with(fixture->key, quote, altered);
  assert_refused(fixture, cert, DSTACK_ERROR_UNVERIFIED, "digest mismatch");
}

static void test_another_root(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(SimulatedTee) stranger = simulated_tee_new(2);
  simulated_tee_boot(stranger);
  g_autoptr(X509) cert = ratls_temp_certificate(stranger->platform, fixture->key, fixture->ca, fixture->ca_key, NULL);
  assert_refused(fixture, cert, DSTACK_ERROR_UNVERIFIED, NULL);
}

/* The seed's root is trusted only when it was named. */
static void test_intel_root_refuses_simulated(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(RatlsVerifier) production =
      ratls_verifier_new(&(RatlsVerifierOptions){.collateral_path = fixture->tee->collateral_path}, &error);
  g_assert_no_error(error);
  g_autoptr(X509) cert = temp_certificate(fixture);
  VerifiedEvidence *evidence;
  g_assert_false(ratls_verify_certificate(production, cert, &evidence, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
}

static void test_debug_td(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) spki = p256_spki(fixture->key);
  TdReport report = {0};
  simulated_report_init(&report);
  report_data_ratls(spki, report.report_data);
  report.td_attributes[0] |= 1;
  g_autoptr(GBytes) quote = simulated_quote(fixture->tee->pki, &report, &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) event_log = g_bytes_new_static("[]", 2);
  g_autoptr(X509) cert = certificate_with(fixture->key, quote, event_log);
  assert_refused(fixture, cert, DSTACK_ERROR_UNVERIFIED, "debug");
}

/* These rules stand beside those of DCAP verification, which refuses most such quotes first. */
static void test_td_rules(void) {
  static const struct {
    guint8 attribute, signer, service;
    const char *why;
  } cases[] = {{0, 0, 0, NULL},
               {0x01, 0, 0, "debug: the TD can be debugged by its host"},
               {0, 0x80, 0, "the TDX module was not signed by Intel"},
               {0, 0, 0x01, "service td: a service TD is bound"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    TdReport td = {0};
    td.td_attributes[0] = cases[i].attribute;
    td.mr_signer_seam[47] = cases[i].signer;
    td.mr_service_td[47] = cases[i].service;
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(ratls_check_td(&td, &error), ==, cases[i].why == NULL);
    g_assert_cmpstr(error ? error->message : NULL, ==, cases[i].why);
    g_assert_true(!error || g_error_matches(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED));
  }
}

/* A module that somebody else signed, and TCB info that names just that signer: only the rule above is left. */
static void test_foreign_module(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(fixture->tee->pki, 4);
  g_autoptr(GBytes) spki = p256_spki(fixture->key);
  TdReport *td = &scenario->quote.td;
  report_data_ratls(spki, td->report_data);
  memset(td->rtmr, 0, sizeof td->rtmr);
  memset(td->mr_signer_seam, 0x5a, sizeof td->mr_signer_seam);
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  guint8 hash[32] = {0};
  g_ptr_array_add(log, tdx_runtime_event("compose-hash", hash, sizeof hash, NULL));
  g_assert_true(tdx_replay(log, TDX_RUNTIME_RTMR, NULL, td->rtmr[TDX_RUNTIME_RTMR], NULL));
  g_autofree char *signer = hex_encode(td->mr_signer_seam, sizeof td->mr_signer_seam);
  json_t *module = json_array_get(json_object_get(scenario->tcb_info, "tdxModuleIdentities"), 0);
  json_object_set_new(module, "mrsigner", json_string(signer));
  g_autofree char *collateral = simulated_scenario_collateral(scenario);
  simulated_tee_write_collateral(fixture->tee, collateral);
  g_autofree char *log_json = tdx_event_log_print(log);
  g_autoptr(GBytes) quote = simulated_scenario_quote(scenario), event_log = g_bytes_new(log_json, strlen(log_json));
  g_autoptr(X509) cert = certificate_with(fixture->key, quote, event_log);
  assert_refused(fixture, cert, DSTACK_ERROR_UNVERIFIED, "the TDX module was not signed by Intel");
}

static gint64 in_a_hundred_years(void) { return g_get_real_time() / G_USEC_PER_SEC + 100LL * 365 * 86400; }

static void test_clock(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  const RatlsVerifierOptions options = {.root_ca_path = fixture->tee->root_path,
                                        .allow_external_root = TRUE,
                                        .collateral_path = fixture->tee->collateral_path,
                                        .clock = in_a_hundred_years};
  ratls_verifier_unref(fixture->verifier);
  fixture->verifier = ratls_verifier_new(&options, NULL);
  g_autoptr(X509) cert = temp_certificate(fixture);
  assert_refused(fixture, cert, DSTACK_ERROR_UNVERIFIED, "expired");
}

static void test_collateral_changes(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autoptr(X509) cert = temp_certificate(fixture);
  g_autofree char *good = file_read_text(fixture->tee->collateral_path, 1 << 20, NULL);
  simulated_tee_write_collateral(fixture->tee, "{}");
  assert_refused(fixture, cert, DSTACK_ERROR_INVALID, "collateral");
  assert_refused(fixture, cert, DSTACK_ERROR_INVALID, "collateral"); /* and stays so */
  g_assert_true(file_remove_tree(fixture->tee->collateral_path, NULL));
  assert_refused(fixture, cert, DSTACK_ERROR_NOT_FOUND, "collateral");
  simulated_tee_write_collateral(fixture->tee, good);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  ratls_verify_certificate(fixture->verifier, cert, &evidence, &error);
  g_assert_no_error(error);
}

typedef struct {
  RatlsVerifier *verifier;
  X509 *cert;
} Judge;

static gpointer judge_often(gpointer data) {
  const Judge *judge = data;
  for (guint i = 0; i < 20; i++) {
    g_autoptr(VerifiedEvidence) evidence = NULL;
    g_assert_true(ratls_verify_certificate(judge->verifier, judge->cert, &evidence, NULL));
    g_assert_nonnull(evidence);
  }
  return NULL;
}

/* Threads verify while the file is replaced under them. */
static void test_threads(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(X509) cert = temp_certificate(fixture);
  g_autofree char *good = file_read_text(fixture->tee->collateral_path, 1 << 20, NULL);
  Judge judge = {fixture->verifier, cert};
  GThread *threads[4];
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("judge", judge_often, &judge);
  for (guint i = 0; i < 20; i++)
    simulated_tee_write_collateral(fixture->tee, good);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
}

static void assert_options_refused(const RatlsVerifierOptions *options, int code) {
  g_autoptr(GError) error = NULL;
  g_assert_null(ratls_verifier_new(options, &error));
  g_assert_error(error, DSTACK_ERROR, code);
  g_assert_false(g_ascii_isupper(error->message[0]));
}

static void test_options(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  const char *root = fixture->tee->root_path, *collateral = fixture->tee->collateral_path;
  assert_options_refused(&(RatlsVerifierOptions){.root_ca_path = root, .collateral_path = collateral},
                         DSTACK_ERROR_DENIED);
  assert_options_refused(&(RatlsVerifierOptions){.pccs_url = "ftp://pccs.example"}, DSTACK_ERROR_INVALID);
  assert_options_refused(&(RatlsVerifierOptions){.collateral_path = "/nonexistent"}, DSTACK_ERROR_NOT_FOUND);
  assert_options_refused(&(RatlsVerifierOptions){.collateral_path = root}, DSTACK_ERROR_INVALID);
  assert_options_refused(
      &(RatlsVerifierOptions){.root_ca_path = collateral, .allow_external_root = TRUE, .collateral_path = collateral},
      DSTACK_ERROR_INVALID);
}

static X509 *certificate_with_text(EVP_PKEY *key, const char *oid, const char *text, gsize len) {
  g_autoptr(GBytes) content = g_bytes_new(text, len);
  const CertExtension extension = {oid, content};
  const CertSpec spec = {.common_name = "x", .ca_path_len = -1, .extensions = &extension, .n_extensions = 1};
  return cert_build(&spec, key, NULL, key, NULL);
}

static void test_usage(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autofree char *usage = NULL;
  g_assert_true(ratls_cert_usage(fixture->ca, &usage, NULL));
  g_assert_null(usage);
  g_autoptr(X509) good = certificate_with_text(fixture->key, RATLS_OID_USAGE, "kms:rpc", 7);
  g_assert_true(ratls_cert_usage(good, &usage, NULL));
  g_assert_cmpstr(usage, ==, "kms:rpc");
  g_autofree char *nothing = NULL;
  g_autoptr(X509) empty = certificate_with_text(fixture->key, RATLS_OID_USAGE, "", 0);
  g_assert_true(ratls_cert_usage(empty, &nothing, NULL));
  g_assert_cmpstr(nothing, ==, "");
  g_autofree char *endless = g_strnfill(1000, 'a');
  const char *const bad[] = {"kms:rpc\nforged", "kms\xc3\xbc", endless};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    char *none;
    g_autoptr(X509) cert = certificate_with_text(fixture->key, RATLS_OID_USAGE, bad[i], strlen(bad[i]));
    g_assert_false(ratls_cert_usage(cert, &none, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
  }
  char *none;
  g_autoptr(X509) with_nul = certificate_with_text(fixture->key, RATLS_OID_USAGE, "kms:rpc\0x", 9);
  g_assert_false(ratls_cert_usage(with_nul, &none, NULL));
}

static void test_app_id(Fixture *fixture, gconstpointer unused) {
  (void)unused;
  g_autoptr(GBytes) id = NULL;
  g_assert_true(ratls_cert_app_id(fixture->ca, &id, NULL));
  g_assert_null(id);
  const char bytes[21] = {1};
  g_autoptr(X509) good = certificate_with_text(fixture->key, RATLS_OID_APP_ID, bytes, 20);
  g_assert_true(ratls_cert_app_id(good, &id, NULL));
  g_assert_cmpuint(g_bytes_get_size(id), ==, 20);
  for (gsize len = 0; len <= 21; len++) {
    GBytes *none;
    g_autoptr(X509) cert = certificate_with_text(fixture->key, RATLS_OID_APP_ID, bytes, len);
    if (len != 20)
      g_assert_false(ratls_cert_app_id(cert, &none, NULL));
  }
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/ratls/evidence/good", test_good);
  ADD("/ratls/evidence/none", test_no_evidence);
  ADD("/ratls/evidence/without-boot-mr-done", test_without_boot_mr_done);
  ADD("/ratls/evidence/bound-to-the-key", test_bound_to_the_key);
  ADD("/ratls/evidence/incomplete", test_incomplete);
  ADD("/ratls/evidence/versioned-only", test_versioned_only);
  ADD("/ratls/evidence/altered-quote", test_altered_quote);
  ADD("/ratls/evidence/altered-log", test_altered_log);
  ADD("/ratls/evidence/another-root", test_another_root);
  ADD("/ratls/evidence/intel-root-refuses-simulated", test_intel_root_refuses_simulated);
  ADD("/ratls/evidence/debug-td", test_debug_td);
  g_test_add_func("/ratls/evidence/td-rules", test_td_rules);
  ADD("/ratls/evidence/foreign-module", test_foreign_module);
  ADD("/ratls/evidence/clock", test_clock);
  ADD("/ratls/verifier/collateral-changes", test_collateral_changes);
  ADD("/ratls/verifier/threads", test_threads);
  ADD("/ratls/verifier/options", test_options);
  ADD("/ratls/certificate/usage", test_usage);
  ADD("/ratls/certificate/app-id", test_app_id);
  return g_test_run();
}
