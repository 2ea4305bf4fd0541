#include "ratls/tls.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

/* A peer's certificate may carry a quote and an event log; OpenSSL's default of 100 KiB is too little for some. */
#define PEER_CHAIN_MAX (2 * 1024 * 1024)
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define ALPN_HTTP11 "\x08http/1.1"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free)

static gboolean tls_failed(GError **error, DstackErrorCode code, const char *what) {
  const unsigned long reason = ERR_peek_last_error();
  const char *text = reason ? ERR_reason_error_string(reason) : NULL;
  g_set_error(error, DSTACK_ERROR, code, "tls: %s%s%s", what, text ? ": " : "", text ? text : "");
  ERR_clear_error();
  return FALSE;
}

static SSL_CTX *base_context(const SSL_METHOD *method) {
  SSL_CTX *context = SSL_CTX_new(method);
  if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, CIPHERS_TLS12) != 1)
    g_error("the tls library can not be initialised");
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  /* No resumption: every connection shows its certificate, and the evidence inside, anew. */
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  (void)SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_max_cert_list(context, PEER_CHAIN_MAX);
  return context;
}

/* Without this OpenSSL would ask for the passphrase of an encrypted key on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *user_data) {
  (void)buffer, (void)size, (void)writing, (void)user_data;
  return -1;
}

static EVP_PKEY *read_key(const Secret *pem, GError **error) {
  g_autoptr(BIO) bio = BIO_new_mem_buf(secret_peek(pem), (int)secret_len(pem));
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
  if (!key)
    tls_failed(error, DSTACK_ERROR_INVALID, "the private key can not be read");
  return key;
}

static gboolean use_identity(SSL_CTX *context, const char *cert_pem, const Secret *key_pem, GError **error) {
  g_autoptr(GPtrArray) chain = certs_from_pem(cert_pem, strlen(cert_pem), error);
  g_autoptr(EVP_PKEY) key = chain ? read_key(key_pem, error) : NULL;
  if (!key)
    return FALSE;
  STACK_OF(X509) *issuers = sk_X509_new_null();
  gboolean ok = issuers != NULL;
  for (guint i = 1; i < chain->len && ok; i++)
    ok = sk_X509_push(issuers, g_ptr_array_index(chain, i)) > 0;
  ok = ok && SSL_CTX_use_cert_and_key(context, g_ptr_array_index(chain, 0), key, issuers, 1) == 1;
  sk_X509_free(issuers);
  return ok || tls_failed(error, DSTACK_ERROR_INVALID, "the certificate and the private key do not fit");
}

/* The given certificates and no others are trusted, whoever signed them. */
static gboolean trust_only(SSL_CTX *context, const char *ca_pem, GError **error) {
  g_autoptr(GPtrArray) roots = certs_from_pem(ca_pem, strlen(ca_pem), error);
  if (!roots) {
    g_prefix_error(error, "trusted roots: ");
    return FALSE;
  }
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  for (guint i = 0; i < roots->len; i++)
    if (X509_STORE_add_cert(store, g_ptr_array_index(roots, i)) != 1)
      return tls_failed(error, DSTACK_ERROR_INVALID, "a trusted root can not be used");
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return TRUE;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
                       unsigned int offered_len, void *user_data) {
  (void)ssl, (void)user_data;
  const int found = SSL_select_next_proto((unsigned char **)out, out_len, (const unsigned char *)ALPN_HTTP11,
                                          strlen(ALPN_HTTP11), offered, offered_len);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *tls_server_context(const char *cert_pem, const Secret *key_pem, const char *client_ca_pem,
                            gboolean client_required, GError **error) {
  g_autoptr(SSL_CTX) context = base_context(TLS_server_method());
  SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
  if (!use_identity(context, cert_pem, key_pem, error))
    return NULL;
  if (client_required && !client_ca_pem) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "tls: client certificates are required, but no root for them is set");
    return NULL;
  }
  if (client_ca_pem) {
    if (!trust_only(context, client_ca_pem, error))
      return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    /* What a client's certificate is for is the application's to judge: attested ones name no usage at all. */
    (void)SSL_CTX_set_purpose(context, X509_PURPOSE_ANY);
  }
  return g_steal_pointer(&context);
}

static gboolean set_trust(SSL_CTX *context, const TlsClientOptions *options, GError **error) {
  if (options->insecure_no_verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    return TRUE;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  if (options->ca_pem)
    return trust_only(context, options->ca_pem, error);
  return SSL_CTX_set_default_verify_paths(context) == 1 ||
         tls_failed(error, DSTACK_ERROR_UNAVAILABLE, "the system's trusted roots can not be read");
}

SSL_CTX *tls_client_context(const TlsClientOptions *options, GError **error) {
  g_autoptr(SSL_CTX) context = base_context(TLS_client_method());
  if (!set_trust(context, options, error))
    return NULL;
  if (!options->cert_pem != !options->key_pem) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "tls: a client certificate needs its key, and a key its certificate");
    return NULL;
  }
  if (options->cert_pem && !use_identity(context, options->cert_pem, options->key_pem, error))
    return NULL;
  return g_steal_pointer(&context);
}
