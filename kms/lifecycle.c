#include "kms/lifecycle.h"

#include "kms/agent.h"
#include "kms/domain.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "prpc/message.h"
#include "ratls/attestation.h"
#include "tdx/report_data.h"

#include <string.h>

static void issue_clear(KeyholderIssue *issue) {
  g_clear_pointer(&issue->quote, g_bytes_unref);
  g_clear_pointer(&issue->event_log, g_bytes_unref);
  g_clear_pointer(&issue->attestation, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyholderIssue, issue_clear)

/* What newer peers read instead of quote and event log. It has a place for the VM's configuration, which says which
 * image this KMS claims to run; an agent that does not know it is no reason to stop. */
static gboolean add_attestation(KeyholderIssue *issue, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error) {
  gsize len;
  const char *json = g_bytes_get_data(issue->event_log, &len);
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(json, len, error);
  if (!log) {
    g_prefix_error(error, "event log of the guest agent: ");
    return FALSE;
  }
  g_autofree char *vm_config = agent_get_vm_config(NULL);
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_new(issue->quote, log, report_data, vm_config);
  ratls_attestation_strip(attestation);
  issue->attestation = ratls_attestation_encode(attestation);
  return TRUE;
}

static gboolean prepare_issue(const KmsConfig *config, const char *domain, GBytes *rpc_spki, KeyholderIssue *out,
                              GError **error) {
  if (!kms_domain_check(domain ? domain : "", error)) {
    g_prefix_error(error, "this kms's own name (core.onboard.auto_bootstrap_domain, else the file rpc-domain): ");
    return FALSE;
  }
  out->domain = domain;
  if (!config->quote_enabled)
    return TRUE;
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  report_data_ratls(rpc_spki, report_data);
  return agent_get_quote(report_data, &out->quote, &out->event_log, error) && add_attestation(out, report_data, error);
}

void lifecycle_bootstrap_report_data(GBytes *root_spki, const guint8 k256_public[K256_PUBLIC_BYTES], guint8 out[64]) {
  g_autofree char *root_hex = hex_encode_bytes(root_spki);
  g_autofree char *k256_hex = hex_encode(k256_public, K256_PUBLIC_BYTES);
  g_autofree char *content = g_strdup_printf("dstack-kms-genereted-keys-v1:%s;%s;", root_hex, k256_hex); /* [sic] */
  memset(out, 0, 64);
  digest_keccak256(content, strlen(content), out);
}

static gboolean fill_info(const KmsConfig *config, const KeyholderPublicKeys *keys, Kms__BootstrapResponse *info,
                          GError **error) {
  prpc_set_gbytes(&info->ca_pubkey, keys->root_spki);
  prpc_set_bytes(&info->k256_pubkey, keys->k256_public, sizeof keys->k256_public);
  if (!config->quote_enabled)
    return TRUE;
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  lifecycle_bootstrap_report_data(keys->root_spki, keys->k256_public, report_data);
  if (!agent_get_quote(report_data, &quote, &event_log, error))
    return FALSE;
  prpc_set_gbytes(&info->quote, quote);
  prpc_set_gbytes(&info->eventlog, event_log);
  return TRUE;
}

gboolean lifecycle_keep(const KmsConfig *config, KeyholderClient *keyholder, const char *domain,
                        const KeyholderPublicKeys *keys, Kms__BootstrapResponse *info, GError **error) {
  g_auto(KeyholderIssue) rpc = {0};
  if (!prepare_issue(config, domain, keys->rpc_spki, &rpc, error) || (info && !fill_info(config, keys, info, error)))
    return FALSE;
  g_autofree char *text = info ? prpc_message_to_json(&info->base) : g_strdup("");
  return keyholder_client_store(keyholder, &rpc, text, error);
}

gboolean lifecycle_bootstrap(const KmsConfig *config, KeyholderClient *keyholder, const char *domain,
                             Kms__BootstrapResponse *info, GError **error) {
  g_auto(KeyholderPublicKeys) keys = {0};
  if (!kms_domain_check(domain, error) || !keyholder_client_generate(keyholder, &keys, error) ||
      !lifecycle_keep(config, keyholder, domain, &keys, info, error))
    return FALSE;
  g_autofree char *root = hex_encode_bytes(keys.root_spki);
  log_info("new root keys for %s; root ca key %s", domain, root);
  return TRUE;
}

gboolean lifecycle_decide(const KmsConfig *config, KeyholderClient *keyholder, LifecycleNeed *need, GError **error) {
  g_auto(KeyholderState) state = {0};
  if (!keyholder_client_state(keyholder, &state, error))
    return FALSE;
  *need = LIFECYCLE_READY;
  if (state.complete)
    return TRUE;
  if (state.has_root_keys || !config->onboard_enabled) {
    g_set_error(error, DSTACK_ERROR, state.has_root_keys ? DSTACK_ERROR_EXISTS : DSTACK_ERROR_NOT_FOUND,
                "missing in %s: %s%s", config->cert_dir, state.missing,
                state.has_root_keys ? "; root keys exist and are never replaced: restore the missing files"
                                    : "; onboarding is disabled");
    return FALSE;
  }
  *need = *config->auto_bootstrap_domain ? LIFECYCLE_AUTO_BOOTSTRAP : LIFECYCLE_ONBOARD;
  return TRUE;
}

gboolean lifecycle_open(const KmsConfig *config, KeyholderClient *keyholder, KeyholderMaterial *material,
                        char **bootstrap_info, GError **error) {
  g_auto(KeyholderState) state = {0};
  if (!keyholder_client_state(keyholder, &state, error))
    return FALSE;
  const char *domain = *config->auto_bootstrap_domain ? config->auto_bootstrap_domain : state.domain;
  g_autoptr(GBytes) rpc_spki = keyholder_client_load(keyholder, error);
  g_auto(KeyholderIssue) rpc = {0};
  if (!rpc_spki || !prepare_issue(config, domain, rpc_spki, &rpc, error) ||
      !keyholder_client_reissue(keyholder, &rpc, error)) {
    g_prefix_error(error, "failed to re-issue certificates: ");
    return FALSE;
  }
  *bootstrap_info = g_steal_pointer(&state.bootstrap_info);
  return keyholder_client_seal(keyholder, material, error);
}
