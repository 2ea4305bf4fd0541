/* Every rule of verification, one at a time: a simulated platform that differs from a healthy one in a single respect.
 */
#include "base/hex.h"
#include "base/json.h"
#include "crypto/x509.h"
#include "dcap/dcap.h"
#include "tdx/simulated/scenario.h"

#include <string.h>

#define NOW 1795000000
#define DAY 86400
#define ADVISORY "DSTACK-SIMULATED-SA-00001"

typedef void (*Change)(SimulatedScenario *scenario);

static SimulatedPki *make_pki(void) {
  guint8 bytes[32] = {9};
  g_autoptr(Secret) seed = secret_new(bytes, sizeof bytes);
  return simulated_pki_new(seed, NULL);
}

static void verify(const SimulatedScenario *scenario, const DcapPolicy *policy, DcapVerdict *verdict) {
  g_autofree char *root_pem = simulated_pki_root_pem(scenario->pki);
  g_autoptr(X509) root = cert_from_pem(root_pem, strlen(root_pem), NULL);
  g_autofree char *json = simulated_scenario_collateral(scenario);
  g_autoptr(GError) error = NULL;
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse(json, strlen(json), &error);
  g_assert_no_error(error);
  g_autoptr(GBytes) quote = simulated_scenario_quote(scenario);
  const DcapOptions options = {.root = root, .now = NOW, .policy = policy};
  gboolean verified = dcap_verify_bytes(quote, collateral, &options, verdict, NULL, &error);
  g_assert_cmpint(verified, ==, verdict->failure == DCAP_OK);
  g_assert_cmpint(verified, ==, error == NULL);
  if (error)
    g_assert_true(g_str_has_prefix(error->message, dcap_failure_name(verdict->failure)));
  if (!verified && verdict->failure != DCAP_REFUSED_BY_POLICY)
    g_assert_cmpint(verdict->status, ==, TCB_REVOKED);
}

static void check(guint version, Change change, DcapFailure failure, TcbStatus status) {
  g_autoptr(SimulatedPki) pki = make_pki();
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, version);
  if (change)
    change(scenario);
  g_auto(DcapVerdict) verdict = {0};
  verify(scenario, NULL, &verdict);
  g_assert_cmpstr(dcap_failure_name(verdict.failure), ==, dcap_failure_name(failure));
  if (failure == DCAP_OK)
    g_assert_cmpstr(tcb_status_name(verdict.status), ==, tcb_status_name(status));
}

typedef struct {
  const char *name;
  Change change;
  DcapFailure failure;
  TcbStatus status; /* when the failure is DCAP_OK */
  guint version;    /* 0: 4 */
} Case;

static json_t *level_of(json_t *owner, size_t index) {
  return json_array_get(json_object_get(owner, "tcbLevels"), index);
}
static json_t *platform_level(SimulatedScenario *s, size_t index) { return level_of(s->tcb_info, index); }
static json_t *module_identity(SimulatedScenario *s) {
  return json_array_get(json_object_get(s->tcb_info, "tdxModuleIdentities"), 0);
}
static void set_text(json_t *object, const char *key, const char *value) {
  json_object_set_new(object, key, json_string(value));
}
static void set_number(json_t *object, const char *key, gint64 value) {
  json_object_set_new(object, key, json_integer(value));
}
static void set_component(SimulatedScenario *s, const char *kind, size_t index, int svn) {
  for (size_t level = 0; level < 2; level++) {
    json_t *list = json_object_get(json_object_get(platform_level(s, level), "tcb"), kind);
    set_number(json_array_get(list, index), "svn", svn);
  }
}
static void set_platform_status(SimulatedScenario *s, const char *status) {
  set_text(platform_level(s, 0), "tcbStatus", status);
}
static void set_qe_status(SimulatedScenario *s, const char *status) {
  set_text(level_of(s->qe_identity, 0), "tcbStatus", status);
}
static void set_module_status(SimulatedScenario *s, const char *status) {
  set_text(level_of(module_identity(s), 0), "tcbStatus", status);
}

/* Dates. */
static void tcb_info_expired(SimulatedScenario *s) { set_text(s->tcb_info, "nextUpdate", "2026-01-01T00:00:00Z"); }
static void tcb_info_future(SimulatedScenario *s) { set_text(s->tcb_info, "issueDate", "2030-01-01T00:00:00Z"); }
static void qe_identity_expired(SimulatedScenario *s) {
  set_text(s->qe_identity, "nextUpdate", "2026-01-01T00:00:00Z");
}
static void qe_identity_future(SimulatedScenario *s) { set_text(s->qe_identity, "issueDate", "2030-01-01T00:00:00Z"); }
static void crls_expired(SimulatedScenario *s) { s->crl_next_update = NOW; }
static void crls_last_second(SimulatedScenario *s) { s->crl_next_update = NOW + 1; }
static void crls_future(SimulatedScenario *s) { s->crl_this_update = NOW + 1; }
static void pck_expired(SimulatedScenario *s) { s->pck_not_after = NOW - 1; }
static void pck_not_yet(SimulatedScenario *s) { s->pck_not_before = NOW + 1; }
static void documents_last_second(SimulatedScenario *s) {
  g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(NOW);
  g_autofree char *text = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  const char *const keys[] = {"issueDate", "nextUpdate"};
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    set_text(s->tcb_info, keys[i], text);
    set_text(s->qe_identity, keys[i], text);
  }
}

static const Case date_cases[] = {
    {"healthy", NULL, DCAP_OK, TCB_UP_TO_DATE, 4},
    {"healthy td 1.5", NULL, DCAP_OK, TCB_UP_TO_DATE, 5},
    {"healthy enclave", NULL, DCAP_OK, TCB_UP_TO_DATE, 3},
    {"tcb info expired", tcb_info_expired, DCAP_EXPIRED, 0, 0},
    {"tcb info of the future", tcb_info_future, DCAP_ISSUED_IN_FUTURE, 0, 0},
    {"qe identity expired", qe_identity_expired, DCAP_EXPIRED, 0, 0},
    {"qe identity of the future", qe_identity_future, DCAP_ISSUED_IN_FUTURE, 0, 0},
    {"documents of this second", documents_last_second, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"lists expired", crls_expired, DCAP_EXPIRED, 0, 0},
    {"lists in their last second", crls_last_second, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"lists of the future", crls_future, DCAP_ISSUED_IN_FUTURE, 0, 0},
    {"pck certificate expired", pck_expired, DCAP_EXPIRED, 0, 0},
    {"pck certificate not yet valid", pck_not_yet, DCAP_EXPIRED, 0, 0},
};

/* Revocation and signers. */
static void revoke_pck(SimulatedScenario *s) { s->revoked = SIMULATED_REVOKE_PCK; }
static void revoke_ca(SimulatedScenario *s) { s->revoked = SIMULATED_REVOKE_PLATFORM_CA; }
static void revoke_signer(SimulatedScenario *s) { s->revoked = SIMULATED_REVOKE_TCB_SIGNING; }
static void revoke_root(SimulatedScenario *s) { s->revoked = SIMULATED_REVOKE_ROOT; }

static const Case revocation_cases[] = {
    {"pck certificate", revoke_pck, DCAP_REVOKED, 0, 0},
    {"pck certificate of an enclave", revoke_pck, DCAP_REVOKED, 0, 3},
    {"platform authority", revoke_ca, DCAP_REVOKED, 0, 0},
    {"tcb signing certificate", revoke_signer, DCAP_REVOKED, 0, 0},
    {"root", revoke_root, DCAP_REVOKED, 0, 0},
};

/* Platform levels. */
static void svn_below(SimulatedScenario *s) { s->platform.cpu_svn[7] = 4; }
static void svn_below_all(SimulatedScenario *s) { s->platform.cpu_svn[7] = 1; }
static void svn_mixed(SimulatedScenario *s) { /* first component far above, one below all: no lexicographic order */
  s->platform.cpu_svn[0] = 255;
  s->platform.cpu_svn[7] = 1;
}
static void pce_below(SimulatedScenario *s) { s->platform.pce_svn = 12; }
static void pce_below_all(SimulatedScenario *s) { s->platform.pce_svn = 4; }
static void tdx_svn_below(SimulatedScenario *s) { s->quote.td.tee_tcb_svn[2] = 2; }
static void tdx_svn_below_all(SimulatedScenario *s) { s->quote.td.tee_tcb_svn[2] = 1; }
static void last_sgx_component(SimulatedScenario *s) { set_component(s, "sgxtcbcomponents", 15, 1); }
static void last_tdx_component(SimulatedScenario *s) { set_component(s, "tdxtcbcomponents", 15, 1); }
static void last_tdx_component_met(SimulatedScenario *s) {
  set_component(s, "tdxtcbcomponents", 15, 1);
  s->quote.td.tee_tcb_svn[15] = 1;
}
static void fifteen_components(SimulatedScenario *s) {
  json_array_remove(json_object_get(json_object_get(platform_level(s, 1), "tcb"), "sgxtcbcomponents"), 15);
}
static void seventeen_components(SimulatedScenario *s) {
  json_array_append_new(json_object_get(json_object_get(platform_level(s, 0), "tcb"), "tdxtcbcomponents"),
                        json_pack("{s:i}", "svn", 0));
}
static void svn_256(SimulatedScenario *s) { set_component(s, "sgxtcbcomponents", 0, 256); }
static void no_levels(SimulatedScenario *s) { json_array_clear(json_object_get(s->tcb_info, "tcbLevels")); }
static void levels_upside_down(SimulatedScenario *s) {
  json_t *levels = json_object_get(s->tcb_info, "tcbLevels"), *first = json_incref(json_array_get(levels, 0));
  json_array_remove(levels, 0);
  json_array_append_new(levels, first);
}
static void status_unknown(SimulatedScenario *s) { set_platform_status(s, "Unknown"); }
static void status_missing(SimulatedScenario *s) { json_object_del(platform_level(s, 0), "tcbStatus"); }
static void status_revoked(SimulatedScenario *s) { set_platform_status(s, "Revoked"); }
static void status_hardening(SimulatedScenario *s) { set_platform_status(s, "SWHardeningNeeded"); }
static void advisories_null(SimulatedScenario *s) {
  json_object_set_new(platform_level(s, 0), "advisoryIDs", json_null());
}

static const Case level_cases[] = {
    {"one component below", svn_below, DCAP_OK, TCB_OUT_OF_DATE, 0},
    {"one component below, enclave", svn_below, DCAP_OK, TCB_OUT_OF_DATE, 3},
    {"one component below all", svn_below_all, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"first above, another below all", svn_mixed, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"pce below", pce_below, DCAP_OK, TCB_OUT_OF_DATE, 0},
    {"pce below all", pce_below_all, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"tdx component below", tdx_svn_below, DCAP_OK, TCB_OUT_OF_DATE, 0},
    {"tdx component below all", tdx_svn_below_all, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"sixteenth component", last_sgx_component, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"sixteenth tdx component", last_tdx_component, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"sixteenth tdx component met", last_tdx_component_met, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"fifteen components", fifteen_components, DCAP_COLLATERAL_DECODE, 0, 0},
    {"seventeen components", seventeen_components, DCAP_COLLATERAL_DECODE, 0, 0},
    {"component of 256", svn_256, DCAP_COLLATERAL_DECODE, 0, 0},
    {"no levels", no_levels, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"lowest level first", levels_upside_down, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"unknown status", status_unknown, DCAP_COLLATERAL_DECODE, 0, 0},
    {"no status", status_missing, DCAP_COLLATERAL_DECODE, 0, 0},
    {"revoked", status_revoked, DCAP_TCB_REVOKED, 0, 0},
    {"hardening needed", status_hardening, DCAP_OK, TCB_SW_HARDENING_NEEDED, 0},
    {"advisories are null", advisories_null, DCAP_COLLATERAL_DECODE, 0, 0},
};

/* Which platform the TCB info is about. */
static void other_fmspc(SimulatedScenario *s) { s->platform.fmspc[5] ^= 1; }
static void other_pce_id(SimulatedScenario *s) { s->platform.pce_id[1] ^= 1; }
static void fmspc_upper_case(SimulatedScenario *s) {
  g_autofree char *upper = g_ascii_strup(json_string_value(json_object_get(s->tcb_info, "fmspc")), -1);
  set_text(s->tcb_info, "fmspc", upper);
}
static void info_of_enclaves(SimulatedScenario *s) { set_text(s->tcb_info, "id", "SGX"); }
static void info_too_old(SimulatedScenario *s) { set_number(s->tcb_info, "version", 2); }

static const Case model_cases[] = {
    {"another fmspc", other_fmspc, DCAP_FMSPC_MISMATCH, 0, 0},
    {"another pce", other_pce_id, DCAP_FMSPC_MISMATCH, 0, 0},
    {"fmspc in upper case", fmspc_upper_case, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"tcb info of enclaves", info_of_enclaves, DCAP_WRONG_TCB_INFO_TYPE, 0, 0},
    {"tcb info version 2", info_too_old, DCAP_WRONG_TCB_INFO_TYPE, 0, 0},
    {"tcb info version 2, enclave", info_too_old, DCAP_OK, TCB_UP_TO_DATE, 3},
};

/* The quoting enclave. */
static void qe_signer(SimulatedScenario *s) { s->qe.mr_signer[31] ^= 1; }
static void qe_debug(SimulatedScenario *s) { s->qe.attributes[0] |= 2; }
static void qe_debug_expected(SimulatedScenario *s) {
  qe_debug(s);
  set_text(s->qe_identity, "attributes", "13000000000000000000000000000000");
}
static void qe_product(SimulatedScenario *s) { s->qe.isv_prod_id ^= 1; }
static void qe_misc(SimulatedScenario *s) { s->qe.misc_select = 1; }
static void qe_misc_masked(SimulatedScenario *s) {
  s->qe.misc_select = 0x01000000;
  set_text(s->qe_identity, "miscselectMask", "ffffff00"); /* in the order of the report's bytes */
}
static void qe_attributes(SimulatedScenario *s) { s->qe.attributes[7] = 1; }
static void qe_attributes_outside_mask(SimulatedScenario *s) {
  set_text(s->qe_identity, "attributes", "15000000000000000000000000000000");
}
static void qe_old(SimulatedScenario *s) { s->qe.isv_svn = 7; }
static void qe_below_all(SimulatedScenario *s) { s->qe.isv_svn = 3; }
static void qe_identity_of_enclaves(SimulatedScenario *s) { set_text(s->qe_identity, "id", "QE"); }
static void qe_identity_version(SimulatedScenario *s) { set_number(s->qe_identity, "version", 4); }
static void qe_identity_version_3(SimulatedScenario *s) { set_number(s->qe_identity, "version", 3); }
static void qe_revoked(SimulatedScenario *s) { set_qe_status(s, "Revoked"); }
static void qe_status_of_platforms(SimulatedScenario *s) { set_qe_status(s, "ConfigurationNeeded"); }
static void qe_without_signer(SimulatedScenario *s) { json_object_del(s->qe_identity, "mrsigner"); }

static const Case qe_cases[] = {
    {"signer", qe_signer, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"debug", qe_debug, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"debug, as its identity wants it", qe_debug_expected, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"product", qe_product, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"misc select", qe_misc, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"misc select masked", qe_misc_masked, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"attributes", qe_attributes, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"attributes outside the mask", qe_attributes_outside_mask, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"old", qe_old, DCAP_OK, TCB_OUT_OF_DATE, 0},
    {"old, of an enclave", qe_old, DCAP_OK, TCB_OUT_OF_DATE, 3},
    {"below all levels", qe_below_all, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"identity of the enclaves' kind", qe_identity_of_enclaves, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"identity of version 4", qe_identity_version, DCAP_QE_POLICY_MISMATCH, 0, 0},
    {"identity of version 3", qe_identity_version_3, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"identity of version 3, enclave", qe_identity_version_3, DCAP_QE_POLICY_MISMATCH, 0, 3},
    {"revoked", qe_revoked, DCAP_TCB_REVOKED, 0, 0},
    {"status of platforms", qe_status_of_platforms, DCAP_COLLATERAL_DECODE, 0, 0},
    {"identity without signer", qe_without_signer, DCAP_COLLATERAL_DECODE, 0, 0},
};

/* The TDX module. */
static void module_old(SimulatedScenario *s) { s->quote.td.tee_tcb_svn[0] = 6; }
static void module_below_all(SimulatedScenario *s) {
  set_component(s, "tdxtcbcomponents", 0, 0);
  s->quote.td.tee_tcb_svn[0] = 4;
}
static void module_unknown(SimulatedScenario *s) { s->quote.td.tee_tcb_svn[1] = 9; }
static void module_unlisted(SimulatedScenario *s) { json_object_del(s->tcb_info, "tdxModuleIdentities"); }
static void module_without_version(SimulatedScenario *s) { s->quote.td.tee_tcb_svn[1] = 0; }
static void module_absent(SimulatedScenario *s) { json_object_del(s->tcb_info, "tdxModule"); }
static void module_signer(SimulatedScenario *s) { s->quote.td.mr_signer_seam[0] = 1; }
static void module_signer_expected(SimulatedScenario *s) {
  g_autofree char *hex = NULL;
  s->quote.td.mr_signer_seam[0] = 1;
  hex = hex_encode(s->quote.td.mr_signer_seam, sizeof s->quote.td.mr_signer_seam);
  set_text(module_identity(s), "mrsigner", hex);
}
static void module_attributes(SimulatedScenario *s) { s->quote.td.seam_attributes[0] = 1; }
static void module_attributes_expected(SimulatedScenario *s) {
  s->quote.td.seam_attributes[0] = 1;
  set_text(module_identity(s), "attributes", "0100000000000000");
}
static void module_id_lower_case(SimulatedScenario *s) { set_text(module_identity(s), "id", "tdx_01"); }
static void module_revoked(SimulatedScenario *s) { set_module_status(s, "Revoked"); }

static const Case module_cases[] = {
    {"old", module_old, DCAP_OK, TCB_OUT_OF_DATE, 0},
    {"below all its levels", module_below_all, DCAP_NO_MATCHING_TCB_LEVEL, 0, 0},
    {"unknown version", module_unknown, DCAP_MODULE_IDENTITY_MISMATCH, 0, 0},
    {"no identities listed", module_unlisted, DCAP_MODULE_IDENTITY_MISMATCH, 0, 0},
    {"before versions", module_without_version, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"no module in tcb info", module_absent, DCAP_COLLATERAL_DECODE, 0, 0},
    {"another signer", module_signer, DCAP_MODULE_IDENTITY_MISMATCH, 0, 0},
    {"the signer its identity names", module_signer_expected, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"attributes", module_attributes, DCAP_MODULE_IDENTITY_MISMATCH, 0, 0},
    {"attributes its identity names", module_attributes_expected, DCAP_MODULE_IDENTITY_MISMATCH, 0, 0},
    {"identity in lower case", module_id_lower_case, DCAP_OK, TCB_UP_TO_DATE, 0},
    {"revoked", module_revoked, DCAP_TCB_REVOKED, 0, 0},
};

/* Merging. */
static void configuration_and_old_qe(SimulatedScenario *s) {
  set_platform_status(s, "ConfigurationNeeded");
  qe_old(s);
}
static void configuration_hardening_and_old_module(SimulatedScenario *s) {
  set_platform_status(s, "ConfigurationAndSWHardeningNeeded");
  module_old(s);
}
static void hardening_and_old_qe(SimulatedScenario *s) {
  set_platform_status(s, "SWHardeningNeeded");
  qe_old(s);
}
static void old_configuration_and_old_qe(SimulatedScenario *s) {
  set_platform_status(s, "OutOfDateConfigurationNeeded");
  qe_old(s);
}

static const Case merge_cases[] = {
    {"configuration, old qe", configuration_and_old_qe, DCAP_OK, TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, 0},
    {"configuration and hardening, old module", configuration_hardening_and_old_module, DCAP_OK,
     TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, 0},
    {"hardening, old qe", hardening_and_old_qe, DCAP_OK, TCB_OUT_OF_DATE, 0},
    {"old and configuration, old qe", old_configuration_and_old_qe, DCAP_OK, TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, 0},
};

/* What runs: debuggable, migratable, served. */
static void td_debug(SimulatedScenario *s) { s->quote.td.td_attributes[0] = 1; }
static void td_served(SimulatedScenario *s) { s->quote.td.mr_service_td[47] = 1; }
static void enclave_debug(SimulatedScenario *s) { s->quote.sgx.attributes[0] |= 2; }
static void vendor(SimulatedScenario *s) { s->quote.qe_vendor_id[15] ^= 1; }
static void key_type(SimulatedScenario *s) { s->quote.attestation_key_type = 3; }
static void quote_of_enclave_in_v4(SimulatedScenario *s) { s->quote.tee_type = TEE_SGX; }
static void td_in_v3(SimulatedScenario *s) { s->quote.tee_type = TEE_TDX; }

static const Case quote_cases[] = {
    {"debuggable td", td_debug, DCAP_DEBUG, 0, 4},
    {"debuggable td 1.5", td_debug, DCAP_DEBUG, 0, 5},
    {"debuggable enclave", enclave_debug, DCAP_DEBUG, 0, 3},
    {"service td", td_served, DCAP_SERVICE_TD, 0, 5},
    {"vendor", vendor, DCAP_UNSUPPORTED_VENDOR, 0, 4},
    {"key type", key_type, DCAP_UNSUPPORTED_KEY_TYPE, 0, 5},
    {"enclave in version 4", quote_of_enclave_in_v4, DCAP_UNSUPPORTED_VERSION, 0, 4},
    {"td in version 3", td_in_v3, DCAP_UNSUPPORTED_VERSION, 0, 3},
};

typedef struct {
  const Case *cases;
  gsize n;
} Group;

static void run_group(gconstpointer data) {
  const Group *group = data;
  for (gsize i = 0; i < group->n; i++) {
    const Case *one = &group->cases[i];
    g_test_message("%s", one->name);
    check(one->version ? one->version : 4, one->change, one->failure, one->status);
  }
}

/* All attribute bits, alone: 28 is required, 30 and 31 are allowed. */
static void test_attribute_bits(void) {
  g_autoptr(SimulatedPki) pki = make_pki();
  for (guint bit = 0; bit < 64; bit++) {
    g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, 4);
    scenario->quote.td.td_attributes[bit / 8] ^= (guint8)(1 << bit % 8);
    g_auto(DcapVerdict) verdict = {0};
    verify(scenario, NULL, &verdict);
    DcapFailure expected = bit < 8                  ? DCAP_DEBUG
                           : bit == 28              ? DCAP_SEPT_VE
                           : bit == 30 || bit == 31 ? DCAP_OK
                                                    : DCAP_RESERVED_ATTRIBUTES;
    g_assert_cmpstr(dcap_failure_name(verdict.failure), ==, dcap_failure_name(expected));
  }
}

static void test_advisories(void) {
  g_autoptr(SimulatedPki) pki = make_pki();
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, 4);
  svn_below(scenario);
  module_old(scenario);
  qe_old(scenario);
  json_object_set_new(level_of(scenario->qe_identity, 1), "advisoryIDs", json_pack("[s,s]", "QE-1", ADVISORY));
  g_auto(DcapVerdict) verdict = {0};
  verify(scenario, NULL, &verdict);
  g_assert_cmpint(verdict.failure, ==, DCAP_OK);
  g_assert_cmpint(verdict.platform_status, ==, TCB_OUT_OF_DATE);
  g_assert_true(verdict.has_module_status);
  g_assert_cmpint(verdict.module_status, ==, TCB_OUT_OF_DATE);
  g_assert_cmpint(verdict.qe_status, ==, TCB_OUT_OF_DATE);
  g_assert_cmpuint(verdict.advisory_ids->len, ==, 2); /* of platform and module once, then the enclave's */
  g_assert_cmpstr(verdict.advisory_ids->pdata[0], ==, ADVISORY);
  g_assert_cmpstr(verdict.advisory_ids->pdata[1], ==, "QE-1");
  g_assert_cmpmem(verdict.ppid, 16, scenario->platform.ppid, 16);
  g_assert_cmpmem(verdict.fmspc, 6, scenario->platform.fmspc, 6);
}

static void assert_policy(const SimulatedScenario *scenario, const DcapPolicy *policy, DcapFailure expected) {
  g_auto(DcapVerdict) verdict = {0};
  verify(scenario, policy, &verdict);
  g_assert_cmpstr(dcap_failure_name(verdict.failure), ==, dcap_failure_name(expected));
}

static void test_policy(void) {
  g_autoptr(SimulatedPki) pki = make_pki();
  g_autoptr(SimulatedScenario) healthy = simulated_scenario_new(pki, 4), old = simulated_scenario_new(pki, 4);
  qe_old(old);
  const DcapPolicy strict = DCAP_POLICY_STRICT;
  const DcapPolicy lenient = {.accepted_statuses = TCB_STATUS_BIT(TCB_UP_TO_DATE) | TCB_STATUS_BIT(TCB_OUT_OF_DATE)};
  const DcapPolicy nobody = {0};
  DcapPolicy recent = DCAP_POLICY_STRICT;
  recent.min_tcb_evaluation_data = 17;
  assert_policy(healthy, &strict, DCAP_OK);
  assert_policy(old, &strict, DCAP_REFUSED_BY_POLICY);
  assert_policy(old, &lenient, DCAP_OK);
  assert_policy(healthy, &nobody, DCAP_REFUSED_BY_POLICY);
  assert_policy(healthy, &recent, DCAP_OK);
  recent.min_tcb_evaluation_data = 18;
  assert_policy(healthy, &recent, DCAP_REFUSED_BY_POLICY);
  recent.min_tcb_evaluation_data = 1;
  json_object_del(healthy->qe_identity, "tcbEvaluationDataNumber"); /* counts as 0 */
  assert_policy(healthy, &recent, DCAP_REFUSED_BY_POLICY);
  const DcapPolicy all = {.accepted_statuses = G_MAXUINT};
  status_revoked(healthy);
  assert_policy(healthy, &all, DCAP_TCB_REVOKED);
}

/* A verdict of the policy still says what the platform is. */
static void test_policy_verdict(void) {
  g_autoptr(SimulatedPki) pki = make_pki();
  g_autoptr(SimulatedScenario) old = simulated_scenario_new(pki, 4);
  qe_old(old);
  const DcapPolicy strict = DCAP_POLICY_STRICT;
  g_auto(DcapVerdict) verdict = {0};
  verify(old, &strict, &verdict);
  g_assert_cmpint(verdict.failure, ==, DCAP_REFUSED_BY_POLICY);
  g_assert_cmpint(verdict.status, ==, TCB_OUT_OF_DATE);
  g_assert_cmpuint(verdict.advisory_ids->len, ==, 1);
}

/* Rules beside others of the same class: the reason tells which one refused. */
static void qe_report_data_33(SimulatedScenario *s) { s->qe.report_data[32] = 1; }
static void qe_report_data_64(SimulatedScenario *s) { s->qe.report_data[63] = 1; }
static void module_attributes_only_expected(SimulatedScenario *s) {
  set_text(module_identity(s), "attributes", "0000000000000001");
}
static void first_module_attributes_only_expected(SimulatedScenario *s) {
  module_without_version(s);
  set_text(json_object_get(s->tcb_info, "tdxModule"), "attributes", "0100000000000000");
}

static void check_reason(Change change, DcapFailure failure, const char *reason) {
  g_autoptr(SimulatedPki) pki = make_pki();
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, 4);
  change(scenario);
  g_autofree char *root_pem = simulated_pki_root_pem(pki), *json = simulated_scenario_collateral(scenario);
  g_autoptr(X509) root = cert_from_pem(root_pem, strlen(root_pem), NULL);
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse(json, strlen(json), NULL);
  g_autoptr(GBytes) raw = simulated_scenario_quote(scenario);
  g_autoptr(Quote) quote = quote_parse(raw, NULL);
  g_assert_nonnull(quote);
  const DcapOptions options = {.root = root, .now = NOW};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  g_assert_false(
      dcap_verify(quote, collateral, &options, &verdict, &error)); /* as everybody with a parsed quote does */
  g_assert_cmpstr(dcap_failure_name(verdict.failure), ==, dcap_failure_name(failure));
  g_assert_cmpstr(error->message, ==, reason);
}

static void test_reasons(void) {
  const char *report_data = "qe report data mismatch: the attestation key is not the quoting enclave's";
  const char *module = "module identity mismatch: signer or attributes of the tdx module differ";
  check_reason(qe_report_data_33, DCAP_QE_REPORT_DATA_MISMATCH, report_data);
  check_reason(qe_report_data_64, DCAP_QE_REPORT_DATA_MISMATCH, report_data);
  check_reason(module_attributes_only_expected, DCAP_MODULE_IDENTITY_MISMATCH, module);
  check_reason(first_module_attributes_only_expected, DCAP_MODULE_IDENTITY_MISMATCH, module);
  check_reason(vendor, DCAP_UNSUPPORTED_VENDOR, "unsupported vendor: the quoting enclave is not Intel's");
  check_reason(key_type, DCAP_UNSUPPORTED_KEY_TYPE, "unsupported key type: attestation key type 3");
}

/* What one root has signed is remembered, but not as what another of the same name signed. */
static void test_namesake(void) {
  guint8 other_seed[32] = {10};
  g_autoptr(Secret) seed = secret_new(other_seed, sizeof other_seed);
  g_autoptr(SimulatedPki) pki = make_pki(), other = simulated_pki_new(seed, NULL);
  g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, 4);
  g_autofree char *own_pem = simulated_pki_root_pem(pki), *other_pem = simulated_pki_root_pem(other);
  g_autoptr(X509) own_root = cert_from_pem(own_pem, strlen(own_pem), NULL),
                  namesake = cert_from_pem(other_pem, strlen(other_pem), NULL);
  g_assert_cmpint(X509_NAME_cmp(X509_get_subject_name(own_root), X509_get_subject_name(namesake)), ==, 0);
  g_autofree char *json = simulated_scenario_collateral(scenario);
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse(json, strlen(json), NULL);
  g_autoptr(GBytes) quote = simulated_scenario_quote(scenario);
  X509 *const roots[] = {own_root, namesake, own_root};
  for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
    const DcapOptions options = {.root = roots[i], .now = NOW};
    g_auto(DcapVerdict) verdict = {0};
    g_autoptr(GError) error = NULL;
    gboolean verified = dcap_verify_bytes(quote, collateral, &options, &verdict, NULL, &error);
    g_assert_cmpint(verified, ==, roots[i] == own_root);
    if (verified)
      continue;
    g_assert_cmpint(verdict.failure, ==, DCAP_CHAIN_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "chain invalid: revocation list of '"));
    g_assert_true(g_str_has_suffix(error->message, "' is not signed by it"));
  }
}

#define ADD(name, cases)                                                                                               \
  static const Group cases##_group = {cases, G_N_ELEMENTS(cases)};                                                     \
  g_test_add_data_func("/dcap/scenarios/" name, &cases##_group, run_group)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("dates", date_cases);
  ADD("revocation", revocation_cases);
  ADD("levels", level_cases);
  ADD("model", model_cases);
  ADD("quoting-enclave", qe_cases);
  ADD("module", module_cases);
  ADD("merge", merge_cases);
  ADD("quote", quote_cases);
  g_test_add_func("/dcap/scenarios/reasons", test_reasons);
  g_test_add_func("/dcap/scenarios/namesake", test_namesake);
  g_test_add_func("/dcap/scenarios/attribute-bits", test_attribute_bits);
  g_test_add_func("/dcap/scenarios/advisories", test_advisories);
  g_test_add_func("/dcap/scenarios/policy", test_policy);
  g_test_add_func("/dcap/scenarios/policy-verdict", test_policy_verdict);
  return g_test_run();
}
