#include "appkeys/local_ca.h"

#include <string.h>

#define USAGE "app:custom"

/* What the leaf shows beside its usage; NULL: not that. */
typedef struct {
  GBytes *quote, *event_log, *app_info;
} Evidence;

static void evidence_clear(Evidence *evidence) {
  g_clear_pointer(&evidence->quote, g_bytes_unref);
  g_clear_pointer(&evidence->event_log, g_bytes_unref);
  g_clear_pointer(&evidence->app_info, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Evidence, evidence_clear)

static GBytes *describe_app(GBytes *raw_quote, GBytes *event_log, GError **error) {
  gsize len;
  const char *json = g_bytes_get_data(event_log, &len);
  g_autoptr(Quote) quote = quote_parse(raw_quote, error);
  g_autoptr(TdxEventLog) log = quote ? tdx_event_log_parse(json, len, error) : NULL;
  g_autoptr(AppInfo) info = log ? app_info_decode(quote, log, APP_INFO_RUNTIME, error) : NULL;
  return info ? ratls_app_info_encode(info, NULL) : NULL;
}

static gboolean take_evidence(TdxPlatform *platform, EVP_PKEY *key, const AppCertSpec *spec, Evidence *out, GError **error) {
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  if (!spec->ra_tls && !spec->app_info)
    return TRUE;
  if (!ratls_take_evidence(platform, key, &quote, &event_log, error))
    return FALSE;
  if (spec->app_info && !(out->app_info = describe_app(quote, event_log, error)))
    return FALSE;
  if (spec->ra_tls) {
    out->quote = g_steal_pointer(&quote);
    out->event_log = g_steal_pointer(&event_log);
  }
  return TRUE;
}

static X509 *issue(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *key, const AppCertSpec *spec, const Evidence *evidence,
                   GError **error) {
  g_autoptr(GBytes) usage = g_bytes_new_static(USAGE, sizeof USAGE - 1);
  CertExtension extensions[4];
  gsize n = 0;
  if (evidence->quote) {
    extensions[n++] = (CertExtension){RATLS_OID_QUOTE, evidence->quote};
    extensions[n++] = (CertExtension){RATLS_OID_EVENT_LOG, evidence->event_log};
  }
  if (evidence->app_info)
    extensions[n++] = (CertExtension){RATLS_OID_APP_INFO, evidence->app_info};
  extensions[n++] = (CertExtension){RATLS_OID_USAGE, usage};
  const CertSpec leaf = {.common_name = spec->subject ? spec->subject : "",
                         .alt_names = spec->alt_names,
                         .server_auth = spec->server_auth,
                         .client_auth = spec->client_auth,
                         .ca_path_len = -1,
                         .extensions = extensions,
                         .n_extensions = n,
                         .not_before = (gint64)spec->not_before,
                         .not_after = (gint64)spec->not_after};
  return cert_build(&leaf, key, issuer, issuer_key, error);
}

char **local_ca_certify(const AppKeys *keys, TdxPlatform *platform, EVP_PKEY *key, const AppCertSpec *spec,
                        GError **error) {
  g_autoptr(X509) issuer = cert_from_pem(keys->ca_cert, strlen(keys->ca_cert), error);
  g_autoptr(EVP_PKEY) issuer_key =
      issuer ? p256_from_pem(secret_peek(keys->ca_key_pem), secret_len(keys->ca_key_pem), error) : NULL;
  g_auto(Evidence) evidence = {0};
  if (!issuer_key || !take_evidence(platform, key, spec, &evidence, error))
    return NULL;
  g_autoptr(X509) leaf = issue(issuer, issuer_key, key, spec, &evidence, error);
  if (!leaf)
    return NULL;
  char **chain = g_new0(char *, 3);
  chain[0] = cert_to_pem(leaf);
  chain[1] = g_strdup(keys->ca_cert);
  return chain;
}
