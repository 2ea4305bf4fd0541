#include "certificate.h"

#include "base/error.h"

#include <openssl/err.h>
#include <string.h>

struct CertificateStore {
  GMutex lock;
  char *chain_path, *key_path;
  int min_version, max_version;
  SSL_CTX *plain, *h2;
};

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
                     unsigned int offered_len, void *user_data) {
  (void)ssl, (void)user_data;
  static const unsigned char only_h2[] = {2, 'h', '2'};
  if (SSL_select_next_proto((unsigned char **)out, out_len, only_h2, sizeof only_h2, offered, offered_len) ==
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_OK;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *build(CertificateStore *store, gboolean h2, GError **error) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"dstack-gateway", 14);
  if (h2)
    SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
  if (SSL_CTX_set_min_proto_version(context, store->min_version) && SSL_CTX_set_max_proto_version(context, store->max_version) &&
      SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") &&
      SSL_CTX_use_certificate_chain_file(context, store->chain_path) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, store->key_path, SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context) == 1)
    return context;
  unsigned long code = ERR_get_error();
  const char *reason = ERR_reason_error_string(code);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "failed to load certificate %s with key %s: %s",
              store->chain_path, store->key_path, reason ? reason : "file can not be read");
  ERR_clear_error();
  SSL_CTX_free(context);
  return NULL;
}

static gboolean parse_versions(CertificateStore *store, const char *const *versions, GError **error) {
  gboolean with_12 = g_strv_contains(versions, "1.2"), with_13 = g_strv_contains(versions, "1.3");
  for (guint i = 0; versions[i]; i++)
    if (strcmp(versions[i], "1.2") != 0 && strcmp(versions[i], "1.3") != 0) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "core.proxy.tls_versions: unknown version '%s'", versions[i]);
      return FALSE;
    }
  store->min_version = with_12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  store->max_version = with_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (with_12 || with_13)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "core.proxy.tls_versions: empty");
  return FALSE;
}

CertificateStore *certificate_store_new(const char *chain_path, const char *key_path, const char *const *versions,
                                        GError **error) {
  CertificateStore *store = g_new0(CertificateStore, 1);
  g_mutex_init(&store->lock);
  store->chain_path = g_strdup(chain_path);
  store->key_path = g_strdup(key_path);
  if (parse_versions(store, versions, error) && certificate_store_reload(store, error))
    return store;
  certificate_store_free(store);
  return NULL;
}

gboolean certificate_store_reload(CertificateStore *store, GError **error) {
  SSL_CTX *plain = build(store, FALSE, error);
  SSL_CTX *h2 = plain ? build(store, TRUE, error) : NULL;
  if (!h2) {
    SSL_CTX_free(plain);
    return FALSE;
  }
  g_mutex_lock(&store->lock);
  SSL_CTX *old_plain = store->plain, *old_h2 = store->h2;
  store->plain = plain;
  store->h2 = h2;
  g_mutex_unlock(&store->lock);
  SSL_CTX_free(old_plain);
  SSL_CTX_free(old_h2);
  return TRUE;
}

SSL *certificate_store_session(CertificateStore *store, RouteMode mode) {
  g_mutex_lock(&store->lock);
  SSL *ssl = SSL_new(mode == ROUTE_TERMINATE_H2 ? store->h2 : store->plain);
  g_mutex_unlock(&store->lock);
  return ssl;
}

void certificate_store_free(CertificateStore *store) {
  if (!store)
    return;
  SSL_CTX_free(store->plain);
  SSL_CTX_free(store->h2);
  g_free(store->chain_path);
  g_free(store->key_path);
  g_mutex_clear(&store->lock);
  g_free(store);
}
