/* The dstack extensions of a certificate, and certificates that carry evidence. */
#include "ratls/evidence.h"

#include "base/error.h"
#include "tdx/report_data.h"

#include <string.h>

#define APP_ID_SIZE 20
#define USAGE_MAX 64
#define TEMP_CERT_NAME "RA-TLS TEMP Cert"

gboolean ratls_cert_carries_evidence(X509 *cert) {
  const char *const oids[] = {RATLS_OID_QUOTE, RATLS_OID_EVENT_LOG, RATLS_OID_ATTESTATION};
  for (gsize i = 0; i < G_N_ELEMENTS(oids); i++) {
    g_autoptr(GBytes) value = NULL;
    if (!cert_extension_raw(cert, oids[i], &value, NULL) || value)
      return TRUE;
  }
  return FALSE;
}

gboolean ratls_cert_app_id(X509 *cert, GBytes **out, GError **error) {
  g_autoptr(GBytes) id = NULL;
  *out = NULL;
  if (!cert_extension(cert, RATLS_OID_APP_ID, &id, error))
    return FALSE;
  if (id && g_bytes_get_size(id) != APP_ID_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate: app id is not %d bytes", APP_ID_SIZE);
    return FALSE;
  }
  *out = g_steal_pointer(&id);
  return TRUE;
}

gboolean ratls_cert_usage(X509 *cert, char **out, GError **error) {
  g_autoptr(GBytes) usage = NULL;
  *out = NULL;
  if (!cert_extension(cert, RATLS_OID_USAGE, &usage, error))
    return FALSE;
  if (!usage)
    return TRUE;
  gsize len;
  const char *text = g_bytes_get_data(usage, &len);
  gboolean printable = len <= USAGE_MAX;
  for (gsize i = 0; i < len && printable; i++)
    printable = g_ascii_isprint(text[i]);
  if (!printable) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate: usage is no short ascii text");
    return FALSE;
  }
  *out = g_strndup(len ? text : "", len); /* an empty one is not a missing one */
  return TRUE;
}

static TdxEvidence *take_evidence(TdxPlatform *platform, EVP_PKEY *key, guint8 report_data[TDX_REPORT_DATA_SIZE],
                                  GError **error) {
  g_autoptr(GBytes) spki = p256_spki(key);
  report_data_ratls(spki, report_data);
  return tdx_get_evidence(platform, report_data, error);
}

gboolean ratls_take_evidence(TdxPlatform *platform, EVP_PKEY *key, GBytes **quote, GBytes **event_log, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(TdxEvidence) evidence = take_evidence(platform, key, report_data, error);
  if (!evidence)
    return FALSE;
  char *log = tdx_event_log_print(evidence->log);
  *event_log = g_bytes_new_take(log, strlen(log));
  *quote = g_bytes_ref(evidence->quote);
  return TRUE;
}

RatlsAttestation *ratls_take_attestation(TdxPlatform *platform, EVP_PKEY *key, const char *config, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(TdxEvidence) evidence = take_evidence(platform, key, report_data, error);
  return evidence ? ratls_attestation_new(evidence->quote, evidence->log, report_data, config) : NULL;
}

X509 *ratls_temp_certificate(TdxPlatform *platform, EVP_PKEY *key, X509 *temp_ca, EVP_PKEY *temp_ca_key,
                             GError **error) {
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  if (!ratls_take_evidence(platform, key, &quote, &event_log, error))
    return NULL;
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, event_log}};
  const CertSpec spec = {.common_name = TEMP_CERT_NAME,
                         .ca_path_len = -1,
                         .extensions = extensions,
                         .n_extensions = G_N_ELEMENTS(extensions)};
  return cert_build(&spec, key, temp_ca, temp_ca_key, error);
}
