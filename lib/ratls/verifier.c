/* Judging evidence, in the order of spec attestation B.12. */
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "dcap/collateral_source.h"
#include "ratls/evidence.h"
#include "ratls/td_rules.h"
#include "tdx/report_data.h"

#include <string.h>

#define ROOT_MAX_SIZE (64 * 1024)
#define LAST_BOOT_EVENT "boot-mr-done"

struct RatlsVerifier {
  gatomicrefcount references;
  X509 *root; /* NULL: Intel's */
  DcapCollateralSource *collateral;
  gboolean device_id_of_ppid;
  gint64 (*clock)(void);
};

static gint64 system_clock(void) { return g_get_real_time() / G_USEC_PER_SEC; }

static gboolean load_root(RatlsVerifier *verifier, const RatlsVerifierOptions *options, GError **error) {
  if (!options->root_ca_path)
    return TRUE;
  if (!options->allow_external_root) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED,
                "%s: a root other than Intel's needs insecure_allow_external_trust_anchors = true",
                options->root_ca_path);
    return FALSE;
  }
  g_autoptr(GBytes) pem = file_read(options->root_ca_path, ROOT_MAX_SIZE, error);
  if (pem)
    verifier->root = cert_from_pem(g_bytes_get_data(pem, NULL), g_bytes_get_size(pem), error);
  if (!verifier->root) {
    g_prefix_error(error, "failed to read the attestation root %s: ", options->root_ca_path);
    return FALSE;
  }
  log_warn("INSECURE: quotes are trusted under the external root %s, not under Intel's: whoever holds its key can "
           "forge them",
           options->root_ca_path);
  return TRUE;
}

static gboolean open_collateral(RatlsVerifier *verifier, const RatlsVerifierOptions *options, GError **error) {
  const DcapServiceOptions service = {
      .url = options->pccs_url, .cache_dir = options->collateral_cache_dir, .insecure_tls = options->insecure_pccs_tls};
  verifier->collateral = options->collateral_path ? dcap_collateral_source_file(options->collateral_path, error)
                                                  : dcap_collateral_source_service(&service, error);
  return verifier->collateral != NULL;
}

RatlsVerifier *ratls_verifier_new(const RatlsVerifierOptions *options, GError **error) {
  g_autoptr(RatlsVerifier) verifier = g_new0(RatlsVerifier, 1);
  g_atomic_ref_count_init(&verifier->references);
  verifier->clock = options->clock ? options->clock : system_clock;
  verifier->device_id_of_ppid = options->device_id_of_ppid;
  if (!load_root(verifier, options, error) || !open_collateral(verifier, options, error))
    return NULL;
  return g_steal_pointer(&verifier);
}

RatlsVerifier *ratls_verifier_ref(RatlsVerifier *verifier) {
  g_atomic_ref_count_inc(&verifier->references);
  return verifier;
}

void ratls_verifier_unref(RatlsVerifier *verifier) {
  if (!verifier || !g_atomic_ref_count_dec(&verifier->references))
    return;
  X509_free(verifier->root);
  dcap_collateral_source_unref(verifier->collateral);
  g_free(verifier);
}

void verified_evidence_free(VerifiedEvidence *evidence) {
  if (!evidence)
    return;
  quote_free(evidence->quote);
  g_clear_pointer(&evidence->log, g_ptr_array_unref);
  g_free(evidence->log_json);
  g_free(evidence->config);
  app_info_free(evidence->app_info);
  app_info_free(evidence->boot_info);
  g_clear_pointer(&evidence->advisory_ids, g_ptr_array_unref);
  g_free(evidence);
}

static gboolean unverified(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "%s", why);
  return FALSE;
}

/* Cheap checks that need no collateral. */
static Quote *open_quote(GBytes *raw, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  g_autoptr(Quote) quote = quote_parse(raw, error);
  if (!quote)
    return NULL;
  if (quote->tee_type != TEE_TDX)
    unverified(error, "not a TDX quote");
  else if (!bytes_equal_constant_time(quote->td.report_data, report_data, TDX_REPORT_DATA_SIZE))
    unverified(error, "report data mismatch");
  else
    return g_steal_pointer(&quote);
  return NULL;
}

static gboolean verify_quote(RatlsVerifier *verifier, VerifiedEvidence *evidence, GError **error) {
  const DcapOptions options = {.root = verifier->root, .now = verifier->clock()};
  g_auto(DcapVerdict) verdict = {0};
  if (!dcap_verify_quote_from(verifier->collateral, evidence->quote, &options, &verdict, error))
    return FALSE;
  evidence->tcb_status = verdict.status;
  evidence->advisory_ids = verdict.advisory_ids ? g_ptr_array_ref(verdict.advisory_ids) : g_ptr_array_new();
  evidence->external_root = verdict.external_root;
  memcpy(evidence->ppid, verdict.ppid, sizeof evidence->ppid);
  return TRUE;
}

static AppInfo *decode_app_info(RatlsVerifier *verifier, const VerifiedEvidence *evidence, AppInfoMode mode,
                                GError **error) {
  AppInfo *info = app_info_decode_stripped(evidence->quote, evidence->log, mode, error);
  if (info && verifier->device_id_of_ppid)
    app_info_set_device_of_ppid(info, evidence->ppid);
  return info;
}

static gboolean decode_identities(RatlsVerifier *verifier, VerifiedEvidence *evidence, GError **error) {
  evidence->app_info = decode_app_info(verifier, evidence, APP_INFO_RUNTIME, error);
  if (!evidence->app_info)
    return FALSE;
  if (!tdx_event_log_find(evidence->log, LAST_BOOT_EVENT))
    return TRUE;
  evidence->boot_info = decode_app_info(verifier, evidence, APP_INFO_BOOT_TIME, error);
  return evidence->boot_info != NULL;
}

static gboolean decode_log(VerifiedEvidence *evidence, const char *json, gsize len, GError **error) {
  evidence->log = tdx_event_log_parse(json, len, error);
  if (!evidence->log) {
    g_prefix_error(error, "event log: ");
    return FALSE;
  }
  evidence->log_json = g_strndup(json, len);
  evidence->boot_log_replayed = app_info_check_boot(evidence->quote, evidence->log, error);
  return evidence->boot_log_replayed;
}

VerifiedEvidence *ratls_verify_evidence(RatlsVerifier *verifier, GBytes *quote, const char *log_json, gsize log_len,
                                        const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  g_autoptr(VerifiedEvidence) evidence = g_new0(VerifiedEvidence, 1);
  evidence->quote = open_quote(quote, report_data, error);
  if (!evidence->quote || !verify_quote(verifier, evidence, error) || !decode_log(evidence, log_json, log_len, error) ||
      !decode_identities(verifier, evidence, error) || !ratls_check_td(&evidence->quote->td, error))
    return NULL;
  return g_steal_pointer(&evidence);
}

static gboolean take_log(VerifiedEvidence *evidence, const RatlsAttestation *attestation, GError **error) {
  evidence->log = ratls_attestation_event_log(attestation, error);
  if (!evidence->log)
    return FALSE;
  evidence->log_json = tdx_event_log_print(evidence->log);
  evidence->boot_log_replayed = app_info_check_boot(evidence->quote, evidence->log, NULL);
  return TRUE;
}

VerifiedEvidence *ratls_verify_attestation(RatlsVerifier *verifier, const RatlsAttestation *attestation,
                                           const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  g_autoptr(GBytes) quote = ratls_attestation_quote(attestation, error);
  if (!quote)
    return NULL;
  if (!bytes_equal_constant_time(attestation->report_data, report_data, TDX_REPORT_DATA_SIZE)) {
    unverified(error, "report data mismatch");
    return NULL;
  }
  g_autoptr(VerifiedEvidence) evidence = g_new0(VerifiedEvidence, 1);
  evidence->quote = open_quote(quote, report_data, error);
  if (!evidence->quote || !verify_quote(verifier, evidence, error) || !take_log(evidence, attestation, error) ||
      !decode_identities(verifier, evidence, error) || !ratls_check_td(&evidence->quote->td, error))
    return NULL;
  evidence->config = g_strdup(attestation->config);
  return g_steal_pointer(&evidence);
}

static gboolean read_separate(X509 *cert, GBytes **quote, GBytes **event_log, GError **error) {
  if (!cert_extension(cert, RATLS_OID_QUOTE, quote, error) ||
      !cert_extension(cert, RATLS_OID_EVENT_LOG, event_log, error))
    return FALSE;
  if (!*quote == !*event_log)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate: %s",
              *quote ? "quote without event log" : "event log without quote");
  return FALSE;
}

static VerifiedEvidence *verify_versioned(RatlsVerifier *verifier, GBytes *encoded, const guint8 *report_data,
                                          GError **error) {
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(encoded, error);
  return attestation ? ratls_verify_attestation(verifier, attestation, report_data, error) : NULL;
}

/* Both forms may be there, for readers of either. */
gboolean ratls_verify_certificate(RatlsVerifier *verifier, X509 *cert, VerifiedEvidence **out, GError **error) {
  g_autoptr(GBytes) quote = NULL, event_log = NULL, versioned = NULL;
  *out = NULL;
  if (!read_separate(cert, &quote, &event_log, error) ||
      !cert_extension(cert, RATLS_OID_ATTESTATION, &versioned, error))
    return FALSE;
  if (!quote && !versioned)
    return TRUE;
  g_autoptr(GBytes) spki = cert_spki(cert);
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  report_data_ratls(spki, report_data);
  if (versioned) {
    *out = verify_versioned(verifier, versioned, report_data, error);
    return *out != NULL;
  }
  const char *log_json = g_bytes_get_size(event_log) ? g_bytes_get_data(event_log, NULL) : "";
  *out = ratls_verify_evidence(verifier, quote, log_json, g_bytes_get_size(event_log), report_data, error);
  return *out != NULL;
}
