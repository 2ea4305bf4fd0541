#include "appkeys/local_ca.h"

#include <string.h>

#define USAGE "app:custom"

static X509 *issue(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *key, const AppCertSpec *spec, GBytes *quote,
                   GBytes *event_log, GError **error) {
  g_autoptr(GBytes) usage = g_bytes_new_static(USAGE, sizeof USAGE - 1);
  CertExtension extensions[3];
  gsize n = 0;
  if (quote) {
    extensions[n++] = (CertExtension){RATLS_OID_QUOTE, quote};
    extensions[n++] = (CertExtension){RATLS_OID_EVENT_LOG, event_log};
  }
  extensions[n++] = (CertExtension){RATLS_OID_USAGE, usage};
  const CertSpec leaf = {.common_name = spec->subject ? spec->subject : "",
                         .alt_names = spec->alt_names,
                         .server_auth = spec->server_auth,
                         .client_auth = spec->client_auth,
                         .ca_path_len = -1,
                         .extensions = extensions,
                         .n_extensions = n};
  return cert_build(&leaf, key, issuer, issuer_key, error);
}

char **local_ca_certify(const AppKeys *keys, TdxPlatform *platform, EVP_PKEY *key, const AppCertSpec *spec,
                        GError **error) {
  g_autoptr(X509) issuer = cert_from_pem(keys->ca_cert, strlen(keys->ca_cert), error);
  g_autoptr(EVP_PKEY) issuer_key =
      issuer ? p256_from_pem(secret_peek(keys->ca_key_pem), secret_len(keys->ca_key_pem), error) : NULL;
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  if (!issuer_key || (spec->ra_tls && !ratls_take_evidence(platform, key, &quote, &event_log, error)))
    return NULL;
  g_autoptr(X509) leaf = issue(issuer, issuer_key, key, spec, quote, event_log, error);
  if (!leaf)
    return NULL;
  char **chain = g_new0(char *, 3);
  chain[0] = cert_to_pem(leaf);
  chain[1] = g_strdup(keys->ca_cert);
  return chain;
}
