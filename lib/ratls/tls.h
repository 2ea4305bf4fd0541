/* TLS contexts for both sides of a dstack connection. Plain OpenSSL: attestation is judged above, from the peer
 * certificate. */
#pragma once

#include "crypto/x509.h"

#include <glib.h>
#include <openssl/ssl.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)

/* A server: `cert_pem` is the chain (leaf first). With `client_ca_pem` client certificates are asked for, and one that
 * is sent must chain to it; with `client_required` there must be one. TLS 1.2 and 1.3, ALPN http/1.1. */
SSL_CTX *tls_server_context(const char *cert_pem, const Secret *key_pem, const char *client_ca_pem,
                            gboolean client_required, GError **error);

typedef struct {
  const char *ca_pem;          /* the only roots trusted; NULL with insecure_no_verify, or for the system's roots */
  gboolean insecure_no_verify; /* no chain, no host name; only for the first, trust-making call to a KMS */
  const char *cert_pem;        /* client certificate chain, or NULL */
  const Secret *key_pem;
} TlsClientOptions;
/* Verification of the host name is the HTTP client's. */
SSL_CTX *tls_client_context(const TlsClientOptions *options, GError **error);
