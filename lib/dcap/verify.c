#include "dcap/dcap.h"

#include "crypto/digest.h"
#include "crypto/p256.h"
#include "dcap/attributes.h"
#include "dcap/chain.h"
#include "dcap/collateral.h"
#include "dcap/failure.h"
#include "dcap/header.h"
#include "dcap/pck.h"
#include "dcap/precheck.h"
#include "dcap/status.h"
#include "dcap/verdict.h"

#include <string.h>

#define PCK_NAME "SGX PCK Certificate"
#define QE_AUTH_SIZE 32
#define QE_REPORT_SIZE 384
#define CERT_TYPE_PCK_CHAIN 5

/* One verification on its way through the steps of B.5. */
typedef struct {
  const DcapCollateral *collateral; /* NULL before it was fetched */
  DcapCertCache *certs;
  const char *pck_pem; /* NULL: the quote brings its own chain */
  DcapTrust trust;
  GBytes *raw;    /* to be parsed as a step, or NULL */
  Quote **parsed; /* where the parsed quote goes */
  const Quote *quote;
  GPtrArray *pck_chain;
  DcapPck pck;
  SgxReport qe_report;
  const DcapTcbLevel *platform_level;
  const DcapIsvLevel *module_level, *qe_level;
} Verification;

typedef DcapFailure (*Step)(Verification *v, GError **error);

static DcapFailure check_anchor(Verification *v, GError **error) { return dcap_anchor_verify(&v->trust, error); }

static DcapFailure check_quote_kind(Verification *v, GError **error) {
  if (!v->raw)
    return dcap_header_check(v->quote, error);
  DcapFailure failure = dcap_quote_parse(v->raw, v->parsed, error);
  v->quote = *v->parsed;
  return failure;
}

static DcapFailure check_tcb_info(Verification *v, GError **error) {
  const DcapCollateral *collateral = v->collateral;
  DcapFailure failure =
      dcap_signed_json_verify(collateral->tcb_document, &v->trust, DCAP_BAD_TCB_INFO_SIGNATURE, error);
  if (failure != DCAP_OK)
    return failure;
  if (!collateral->tcb_info)
    return dcap_fail(error, DCAP_COLLATERAL_DECODE, "%s", collateral->tcb_info_error->message);
  return dcap_tcb_info_check_type(collateral->tcb_info, v->quote->tee_type, error);
}

static DcapFailure check_qe_identity(Verification *v, GError **error) {
  const DcapCollateral *collateral = v->collateral;
  DcapFailure failure =
      dcap_signed_json_verify(collateral->qe_document, &v->trust, DCAP_BAD_QE_IDENTITY_SIGNATURE, error);
  if (failure != DCAP_OK)
    return failure;
  if (!collateral->qe_identity)
    return dcap_fail(error, DCAP_COLLATERAL_DECODE, "%s", collateral->qe_identity_error->message);
  return dcap_qe_identity_check_type(collateral->qe_identity, v->quote->tee_type, error);
}

static DcapFailure parse_pck_chain(Verification *v, GError **error) {
  gsize len = v->pck_pem ? strlen(v->pck_pem) : v->quote->cert_len;
  if (!v->pck_pem && v->quote->cert_type != CERT_TYPE_PCK_CHAIN)
    return dcap_fail(error, DCAP_CHAIN_INVALID, "neither quote nor collateral has a pck certificate chain");
  const char *pem = v->pck_pem ? v->pck_pem : (const char *)v->quote->cert_data;
  g_autoptr(GError) why = NULL;
  v->pck_chain = dcap_chain_parse(pem, len, v->certs, &why);
  return v->pck_chain ? DCAP_OK : dcap_fail(error, DCAP_CHAIN_INVALID, "pck chain: %s", why->message);
}

/* The certificates are remembered once they have proven to be Intel's. */
static DcapFailure use_pck_chain(Verification *v, GError **error) {
  for (guint i = 0; i < v->pck_chain->len; i++)
    dcap_cert_cache_add(v->certs, v->pck_chain->pdata[i]);
  const DcapCert *leaf = v->pck_chain->pdata[0];
  g_autoptr(GError) why = NULL;
  if (!dcap_pck_from_cert(leaf->x509, &v->pck, &why))
    return dcap_fail(error, DCAP_PARSE_ERROR, "pck certificate: %s", why->message);
  return DCAP_OK;
}

static DcapFailure check_pck_chain(Verification *v, GError **error) {
  DcapFailure failure = parse_pck_chain(v, error);
  if (failure == DCAP_OK)
    failure = dcap_chain_verify(v->pck_chain, &v->trust, PCK_NAME, error);
  return failure == DCAP_OK ? use_pck_chain(v, error) : failure;
}

static DcapFailure check_pck_path(Verification *v, GError **error) {
  DcapFailure failure = parse_pck_chain(v, error);
  if (failure == DCAP_OK)
    failure = dcap_path_verify(v->pck_chain, &v->trust, PCK_NAME, error);
  return failure == DCAP_OK ? use_pck_chain(v, error) : failure;
}

static DcapFailure check_qe_report_signature(Verification *v, GError **error) {
  const DcapCert *leaf = v->pck_chain->pdata[0];
  if (!p256_verify_raw(leaf->point, v->quote->qe_report, QE_REPORT_SIZE, v->quote->qe_report_signature))
    return dcap_fail(error, DCAP_BAD_QE_REPORT_SIGNATURE, "not signed by the pck certificate's key");
  sgx_report_parse(v->quote->qe_report, &v->qe_report);
  return DCAP_OK;
}

/* The quoting enclave vouches for the attestation key: its report data is sha256(key || authentication data) || 0^32.
 */
static DcapFailure check_qe_report_data(Verification *v, GError **error) {
  const Quote *quote = v->quote;
  if (quote->qe_auth_len != QE_AUTH_SIZE)
    return dcap_fail(error, DCAP_QE_REPORT_DATA_MISMATCH, "authentication data of %" G_GSIZE_FORMAT " bytes",
                     quote->qe_auth_len);
  guint8 vouched[64 + QE_AUTH_SIZE], expected[64] = {0};
  memcpy(vouched, quote->attestation_key, 64);
  memcpy(vouched + 64, quote->qe_auth_data, QE_AUTH_SIZE);
  digest_sha256(vouched, sizeof vouched, expected);
  if (memcmp(v->qe_report.report_data, expected, sizeof expected) != 0)
    return dcap_fail(error, DCAP_QE_REPORT_DATA_MISMATCH, "the attestation key is not the quoting enclave's");
  return DCAP_OK;
}

static DcapFailure check_qe_policy(Verification *v, GError **error) {
  return dcap_qe_identity_match(v->collateral->qe_identity, &v->qe_report, &v->qe_level, error);
}

static DcapFailure check_quote_signature(Verification *v, GError **error) {
  const Quote *quote = v->quote;
  if (!p256_verify_raw(quote->attestation_key, quote->signed_data, quote->signed_len, quote->signature))
    return dcap_fail(error, DCAP_BAD_QUOTE_SIGNATURE, "not signed by the attestation key");
  return DCAP_OK;
}

static DcapFailure check_platform_model(Verification *v, GError **error) {
  const DcapTcbInfo *info = v->collateral->tcb_info;
  if (memcmp(v->pck.fmspc, info->fmspc, sizeof info->fmspc) != 0)
    return dcap_fail(error, DCAP_FMSPC_MISMATCH, "tcb info is about another platform model");
  if (memcmp(v->pck.pce_id, info->pce_id, sizeof info->pce_id) != 0)
    return dcap_fail(error, DCAP_FMSPC_MISMATCH, "tcb info is about another provisioning enclave (pceId)");
  return DCAP_OK;
}

static DcapFailure match_tcb(Verification *v, GError **error) {
  const DcapTcbInfo *info = v->collateral->tcb_info;
  const TdReport *td = v->quote->tee_type == TEE_TDX ? &v->quote->td : NULL;
  DcapFailure failure = dcap_tcb_info_match(info, &v->pck, td, &v->platform_level, error);
  if (failure == DCAP_OK && td)
    failure = dcap_tcb_info_match_module(info, td, &v->module_level, error);
  return failure;
}

static TcbStatus merged_status(const Verification *v) {
  TcbStatus status = v->platform_level->status;
  if (v->module_level)
    status = tcb_status_merge(status, v->module_level->status);
  return tcb_status_merge(status, v->qe_level->status);
}

static DcapFailure check_not_revoked(Verification *v, GError **error) {
  if (merged_status(v) == TCB_REVOKED)
    return dcap_fail(error, DCAP_TCB_REVOKED, "platform, module or quoting enclave");
  return DCAP_OK;
}

static DcapFailure check_attributes(Verification *v, GError **error) { return dcap_check_attributes(v->quote, error); }

/* The order decides which failure is reported when there are several. */
static const Step all_steps[] = {
    check_anchor,
    check_quote_kind,
    check_tcb_info,
    check_qe_identity,
    check_pck_chain,
    check_qe_report_signature,
    check_qe_report_data,
    check_qe_policy,
    check_quote_signature,
    check_platform_model,
    match_tcb,
    check_not_revoked,
    check_attributes,
    NULL,
};

/* What needs no collateral. */
static const Step first_steps[] = {
    check_quote_kind, check_pck_path, check_qe_report_signature, check_qe_report_data, check_quote_signature, NULL,
};

static DcapFailure run_steps(Verification *v, const Step *steps, GError **error) {
  DcapFailure failure = DCAP_OK;
  for (; *steps && failure == DCAP_OK; steps++)
    failure = (*steps)(v, error);
  return failure;
}

static void fill_verdict(const Verification *v, DcapVerdict *verdict) {
  verdict->status = merged_status(v);
  verdict->platform_status = v->platform_level->status;
  verdict->qe_status = v->qe_level->status;
  tcb_advisories_merge(verdict->advisory_ids, v->platform_level->advisory_ids);
  if (v->module_level) {
    verdict->has_module_status = TRUE;
    verdict->module_status = v->module_level->status;
    tcb_advisories_merge(verdict->advisory_ids, v->module_level->advisory_ids);
  }
  tcb_advisories_merge(verdict->advisory_ids, v->qe_level->advisory_ids);
  memcpy(verdict->ppid, v->pck.ppid, sizeof verdict->ppid);
  memcpy(verdict->fmspc, v->pck.fmspc, sizeof verdict->fmspc);
  verdict->tcb_evaluation_data = MIN(v->collateral->tcb_info->evaluation, v->collateral->qe_identity->evaluation);
}

static DcapFailure judge(const DcapVerdict *verdict, const DcapPolicy *policy, GError **error) {
  if (!policy)
    return DCAP_OK;
  if (!(policy->accepted_statuses & TCB_STATUS_BIT(verdict->status)))
    return dcap_fail(error, DCAP_REFUSED_BY_POLICY, "tcb status %s", tcb_status_name(verdict->status));
  if (verdict->tcb_evaluation_data < policy->min_tcb_evaluation_data)
    return dcap_fail(error, DCAP_REFUSED_BY_POLICY, "tcb evaluation data number %u, expected at least %u",
                     verdict->tcb_evaluation_data, policy->min_tcb_evaluation_data);
  return DCAP_OK;
}

static DcapCert *trusted_root(DcapCertCache *certs, const DcapOptions *options, GError **error) {
  if (!options->root)
    return dcap_cert_ref(dcap_intel_root_cert());
  guint8 *encoded = NULL;
  int len = i2d_X509(options->root, &encoded);
  g_autoptr(GBytes) der = g_bytes_new(encoded, len > 0 ? (gsize)len : 0);
  OPENSSL_free(encoded);
  g_autoptr(GError) why = NULL;
  DcapCert *root = dcap_cert_cache_parse(certs, der, &why);
  if (root)
    dcap_cert_cache_add(certs, root);
  else
    dcap_fail(error, DCAP_CHAIN_INVALID, "trust anchor: %s", why->message);
  return root;
}

static void set_trust(Verification *v, const DcapCert *root, gint64 now) {
  v->trust = (DcapTrust){.root = root, .intel_names = dcap_cert_equal(root, dcap_intel_root_cert()), .now = now};
  if (v->collateral) {
    v->trust.crls = v->collateral->crls;
    v->trust.n_crls = DCAP_N_CRLS;
  }
}

static gboolean run(Verification *v, const DcapOptions *options, DcapVerdict *verdict, GError **error) {
  dcap_verdict_init(verdict); /* until all steps have passed */
  v->certs = v->collateral->certs;
  v->pck_pem = v->collateral->pck_chain;
  g_autoptr(DcapCert) root = trusted_root(v->certs, options, error);
  if (!root)
    return FALSE;
  set_trust(v, root, options->now);
  verdict->external_root = !v->trust.intel_names;
  verdict->failure = run_steps(v, all_steps, error);
  if (verdict->failure == DCAP_OK) {
    fill_verdict(v, verdict);
    verdict->failure = judge(verdict, options->policy, error);
  }
  g_clear_pointer(&v->pck_chain, g_ptr_array_unref);
  return verdict->failure == DCAP_OK;
}

gboolean dcap_verify(const Quote *quote, const DcapCollateral *collateral, const DcapOptions *options,
                     DcapVerdict *verdict, GError **error) {
  Verification verification = {.collateral = collateral, .quote = quote};
  return run(&verification, options, verdict, error);
}

gboolean dcap_verify_bytes(GBytes *raw, const DcapCollateral *collateral, const DcapOptions *options,
                           DcapVerdict *verdict, Quote **quote, GError **error) {
  g_autoptr(Quote) parsed = NULL;
  Verification verification = {.collateral = collateral, .raw = raw, .parsed = &parsed};
  gboolean verified = run(&verification, options, verdict, error);
  if (quote)
    *quote = g_steal_pointer(&parsed);
  return verified;
}

DcapFailure dcap_precheck(const Quote *quote, const char *pck_pem, DcapCertCache *certs, const DcapOptions *options,
                          DcapPck *pck, DcapCert **leaf, GError **error) {
  Verification v = {.quote = quote, .pck_pem = pck_pem, .certs = certs};
  g_autoptr(DcapCert) root = trusted_root(certs, options, error);
  if (!root)
    return DCAP_CHAIN_INVALID;
  set_trust(&v, root, options->now);
  DcapFailure failure = run_steps(&v, first_steps, error);
  if (failure == DCAP_OK) {
    *pck = v.pck;
    *leaf = dcap_cert_ref(v.pck_chain->pdata[0]);
  }
  g_clear_pointer(&v.pck_chain, g_ptr_array_unref);
  return failure;
}
