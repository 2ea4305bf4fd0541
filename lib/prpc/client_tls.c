#include "prpc/client_tls.h"

#include "base/error.h"

#include <openssl/err.h>

static gboolean copy_identity(SSL_CTX *to, SSL_CTX *from) {
  X509 *certificate = SSL_CTX_get0_certificate(from);
  EVP_PKEY *key = SSL_CTX_get0_privatekey(from);
  if (!certificate || !key)
    return TRUE;
  STACK_OF(X509) *chain = NULL;
  SSL_CTX_get_extra_chain_certs(from, &chain); /* falls back to the certificate's own chain */
  return SSL_CTX_use_cert_and_key(to, certificate, key, chain, 1) == 1;
}

static gboolean copy_settings(SSL_CTX *to, SSL_CTX *from) {
  SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(from));
  SSL_CTX_set_verify(to, SSL_CTX_get_verify_mode(from), SSL_CTX_get_verify_callback(from));
  SSL_CTX_set_max_cert_list(to, SSL_CTX_get_max_cert_list(from)); /* an event log may be inside */
  long minimum = SSL_CTX_get_min_proto_version(from);
  return SSL_CTX_set_min_proto_version(to, MAX((int)minimum, TLS1_2_VERSION)) == 1 && copy_identity(to, from);
}

static gboolean verifies_chain(const PrpcClientTls *tls) {
  return !tls->settings || SSL_CTX_get_verify_mode(tls->settings) != SSL_VERIFY_NONE;
}

/* Replaces OpenSSL's verification: the chain as always (unless the caller switched it off), then the caller's judgement
 * if there is one. */
static int verify_server(X509_STORE_CTX *store, void *data) {
  PrpcClientTls *tls = data;
  if (verifies_chain(tls) && X509_verify_cert(store) != 1) {
    /* Whatever OpenSSL queued on the way, such as the failed try of a like-named root, would be taken for the reason.
     */
    ERR_clear_error();
    g_set_error(&tls->refusal, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the server's certificate: %s",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    return 0;
  }
  X509 *leaf = X509_STORE_CTX_get0_cert(store);
  if (!tls->check || (leaf && tls->check(leaf, tls->check_data, &tls->refusal))) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  if (!tls->refusal)
    g_set_error(&tls->refusal, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the server's certificate was refused");
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

static CURLcode on_context(CURL *curl, void *context, void *data) {
  (void)curl; /* the shape is curl's */
  PrpcClientTls *tls = data;
  if (tls->settings && !copy_settings(context, tls->settings))
    return CURLE_SSL_CERTPROBLEM;
  if (tls->check || verifies_chain(tls)) {
    /* Only with SSL_VERIFY_PEER does a refusal end the handshake. */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_server, tls);
  }
  return CURLE_OK;
}

void prpc_client_tls_apply(PrpcClientTls *tls, CURL *curl, gboolean verify_host) {
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed session would not be judged */
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verifies_chain(tls) ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify_host ? 2L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, tls);
  if (tls->settings) { /* the roots come with the settings: do not load the system's for nothing */
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
  }
}
