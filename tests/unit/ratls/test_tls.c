/* Tests of lib/ratls: TLS contexts, by handshakes in memory. */
#include "base/error.h"
#include "ratls/evidence.h"
#include "ratls/tls.h"

#include <openssl/ec.h>
#include <string.h>

typedef struct {
  EVP_PKEY *ca_key, *server_key, *client_key;
  X509 *ca, *server, *client;
  char *ca_pem, *server_pem, *client_pem;
  Secret *server_key_pem, *client_key_pem;
} Parties;

static X509 *issue(const char *name, EVP_PKEY *key, int path_len, X509 *issuer, EVP_PKEY *issuer_key,
                   gboolean server_auth, gsize payload) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) content = g_bytes_new_take(g_malloc0(payload), payload);
  const CertExtension extension = {RATLS_OID_EVENT_LOG, content};
  const CertSpec spec = {.common_name = name,
                         .ca_path_len = path_len,
                         .server_auth = server_auth,
                         .extensions = &extension,
                         .n_extensions = payload ? 1 : 0};
  X509 *cert = cert_build(&spec, key, issuer, issuer_key, &error);
  g_assert_no_error(error);
  return cert;
}

static void set_up(Parties *parties, gconstpointer unused) {
  (void)unused;
  parties->ca_key = p256_generate();
  parties->server_key = p256_generate();
  parties->client_key = p256_generate();
  parties->ca = issue("ca", parties->ca_key, 0, NULL, parties->ca_key, FALSE, 0);
  parties->server = issue("server", parties->server_key, -1, parties->ca, parties->ca_key, FALSE, 10);
  parties->client = issue("RA-TLS TEMP Cert", parties->client_key, -1, parties->ca, parties->ca_key, FALSE, 300 * 1024);
  parties->ca_pem = cert_to_pem(parties->ca);
  parties->server_pem = cert_to_pem(parties->server);
  parties->client_pem = cert_to_pem(parties->client);
  parties->server_key_pem = p256_to_pem(parties->server_key);
  parties->client_key_pem = p256_to_pem(parties->client_key);
}

static void tear_down(Parties *parties, gconstpointer unused) {
  (void)unused;
  X509_free(parties->ca);
  X509_free(parties->server);
  X509_free(parties->client);
  EVP_PKEY_free(parties->ca_key);
  EVP_PKEY_free(parties->server_key);
  EVP_PKEY_free(parties->client_key);
  g_free(parties->ca_pem);
  g_free(parties->server_pem);
  g_free(parties->client_pem);
  secret_free(parties->server_key_pem);
  secret_free(parties->client_key_pem);
}

static SSL *connection(SSL_CTX *context, gboolean server) {
  SSL *ssl = SSL_new(context);
  if (server)
    SSL_set_accept_state(ssl);
  else
    SSL_set_connect_state(ssl);
  return ssl;
}

/* Runs a handshake; what the server saw of the client comes back in *client_name (NULL: no certificate). A TLS 1.3
 * server judges the client after the client is done, so both must say yes. */
static gboolean shake_hands(SSL_CTX *server_context, SSL_CTX *client_context, const char *alpn, char **client_name) {
  SSL *server = connection(server_context, TRUE), *client = connection(client_context, FALSE);
  BIO *server_bio, *client_bio;
  g_assert_cmpint(BIO_new_bio_pair(&server_bio, 1 << 20, &client_bio, 1 << 20), ==, 1);
  SSL_set_bio(server, server_bio, server_bio);
  SSL_set_bio(client, client_bio, client_bio);
  if (alpn)
    g_assert_cmpint(SSL_set_alpn_protos(client, (const guint8 *)alpn, (guint)strlen(alpn)), ==, 0);
  int server_done = 0, client_done = 0;
  for (guint i = 0; i < 20 && !(server_done == 1 && client_done == 1); i++) {
    client_done = SSL_do_handshake(client);
    server_done = SSL_do_handshake(server);
  }
  g_clear_pointer(client_name, g_free);
  const gboolean ok = server_done == 1 && client_done == 1;
  X509 *seen = ok ? SSL_get0_peer_certificate(server) : NULL;
  if (seen)
    *client_name = X509_NAME_oneline(X509_get_subject_name(seen), NULL, 0);
  SSL_free(server);
  SSL_free(client);
  return ok;
}

static SSL_CTX *client_of(const TlsClientOptions *options) {
  g_autoptr(GError) error = NULL;
  SSL_CTX *context = tls_client_context(options, &error);
  g_assert_no_error(error);
  return context;
}

static SSL_CTX *server_of(Parties *parties, const char *client_ca_pem, gboolean required) {
  g_autoptr(GError) error = NULL;
  SSL_CTX *context = tls_server_context(parties->server_pem, parties->server_key_pem, client_ca_pem, required, &error);
  g_assert_no_error(error);
  return context;
}

static void test_server_trust(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autofree char *name = NULL;
  g_autoptr(SSL_CTX) server = server_of(parties, NULL, FALSE);
  g_autoptr(SSL_CTX) trusting = client_of(&(TlsClientOptions){.ca_pem = parties->ca_pem});
  g_assert_true(shake_hands(server, trusting, NULL, &name));
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) other = issue("ca", key, 0, NULL, key, FALSE, 0);
  g_autofree char *other_pem = cert_to_pem(other);
  g_autoptr(SSL_CTX) wary = client_of(&(TlsClientOptions){.ca_pem = other_pem});
  g_assert_false(shake_hands(server, wary, NULL, &name));
  g_autoptr(SSL_CTX) system = client_of(&(TlsClientOptions){0});
  g_assert_false(shake_hands(server, system, NULL, &name));
  g_autoptr(SSL_CTX) blind = client_of(&(TlsClientOptions){.insecure_no_verify = TRUE});
  g_assert_true(shake_hands(server, blind, NULL, &name));
}

static void test_client_certificates(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autofree char *name = NULL;
  g_autoptr(SSL_CTX) optional = server_of(parties, parties->ca_pem, FALSE);
  g_autoptr(SSL_CTX) required = server_of(parties, parties->ca_pem, TRUE);
  g_autoptr(SSL_CTX) without = client_of(&(TlsClientOptions){.ca_pem = parties->ca_pem});
  g_autoptr(SSL_CTX) with = client_of(&(TlsClientOptions){
      .ca_pem = parties->ca_pem, .cert_pem = parties->client_pem, .key_pem = parties->client_key_pem});
  g_assert_true(shake_hands(optional, without, NULL, &name));
  g_assert_null(name);
  g_assert_false(shake_hands(required, without, NULL, &name));
  g_assert_true(shake_hands(required, with, NULL, &name)); /* no EKU, no AKI, and 300 KiB of event log */
  g_assert_cmpstr(name, ==, "/CN=RA-TLS TEMP Cert");
}

/* A certificate made for servers, from a peer that is one too. */
static void test_client_with_server_usage(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autofree char *name = NULL;
  g_autoptr(X509) cert = issue("gateway", parties->client_key, -1, parties->ca, parties->ca_key, TRUE, 0);
  g_autofree char *pem = cert_to_pem(cert);
  g_autoptr(SSL_CTX) server = server_of(parties, parties->ca_pem, TRUE);
  g_autoptr(SSL_CTX) client =
      client_of(&(TlsClientOptions){.ca_pem = parties->ca_pem, .cert_pem = pem, .key_pem = parties->client_key_pem});
  g_assert_true(shake_hands(server, client, NULL, &name));
  g_assert_cmpstr(name, ==, "/CN=gateway");
}

static void test_foreign_clients(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autofree char *name = NULL;
  g_autoptr(SSL_CTX) server = server_of(parties, parties->ca_pem, FALSE);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) foreign_ca = issue("ca", key, 0, NULL, key, FALSE, 0);
  g_autoptr(X509) below_leaf = issue("x", parties->client_key, -1, parties->server, parties->server_key, FALSE, 0);
  g_autoptr(X509) foreign = issue("x", parties->client_key, -1, foreign_ca, key, FALSE, 0);
  g_autofree char *foreign_pem = cert_to_pem(foreign), *below_pem = cert_to_pem(below_leaf);
  g_autofree char *below_chain = g_strconcat(below_pem, parties->server_pem, NULL);
  for (char **pem = (char *[]){foreign_pem, below_chain, NULL}; *pem; pem++) {
    g_autoptr(SSL_CTX) client =
        client_of(&(TlsClientOptions){.ca_pem = parties->ca_pem, .cert_pem = *pem, .key_pem = parties->client_key_pem});
    g_assert_false(shake_hands(server, client, NULL, &name));
  }
}

static void test_alpn_and_versions(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autofree char *name = NULL;
  g_autoptr(SSL_CTX) server = server_of(parties, NULL, FALSE);
  g_autoptr(SSL_CTX) client = client_of(&(TlsClientOptions){.ca_pem = parties->ca_pem});
  g_assert_true(shake_hands(server, client, "\x02h2\x08http/1.1", &name));
  g_assert_false(shake_hands(server, client, "\x02h2", &name));
  g_assert_cmpint(SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION), ==, 1);
  g_assert_true(shake_hands(server, client, NULL, &name));
  g_assert_cmpint(SSL_CTX_set_min_proto_version(client, TLS1_VERSION), ==, 1);
  g_assert_cmpint(SSL_CTX_set_max_proto_version(client, TLS1_1_VERSION), ==, 1);
  g_assert_false(shake_hands(server, client, NULL, &name));
}

static void assert_server_refused(const char *cert_pem, const Secret *key, const char *ca_pem, gboolean required) {
  g_autoptr(GError) error = NULL;
  g_assert_null(tls_server_context(cert_pem, key, ca_pem, required, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_false(g_ascii_isupper(error->message[0]));
}

static void test_bad_material(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autoptr(Secret) junk = secret_new("junk", 4);
  const char *pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  g_autoptr(Secret) encrypted = secret_new(pem, strlen(pem));
  assert_server_refused("", parties->server_key_pem, NULL, FALSE);
  assert_server_refused(parties->server_pem, junk, NULL, FALSE);
  assert_server_refused(parties->server_pem, encrypted, NULL, FALSE);
  assert_server_refused(parties->server_pem, parties->client_key_pem, NULL, FALSE);
  assert_server_refused(parties->server_pem, parties->server_key_pem, "junk", FALSE);
  assert_server_refused(parties->server_pem, parties->server_key_pem, NULL, TRUE);
  g_autoptr(GError) error = NULL;
  g_assert_null(tls_client_context(&(TlsClientOptions){.ca_pem = ""}, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_null(tls_client_context(&(TlsClientOptions){.cert_pem = parties->client_pem}, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

/* Any algorithm of an ordinary server. */
static void test_other_key_types(Parties *parties, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  const char *pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                    "-----END PRIVATE KEY-----\n";
  g_autoptr(Secret) key = secret_new(pem, strlen(pem));
  g_assert_null(tls_server_context(parties->server_pem, key, NULL, FALSE, &error)); /* readable, but another's */
  g_assert_nonnull(strstr(error->message, "do not fit"));
}

#define ADD(path, function) g_test_add(path, Parties, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/ratls/tls/server-trust", test_server_trust);
  ADD("/ratls/tls/client-certificates", test_client_certificates);
  ADD("/ratls/tls/client-with-server-usage", test_client_with_server_usage);
  ADD("/ratls/tls/foreign-clients", test_foreign_clients);
  ADD("/ratls/tls/alpn-and-versions", test_alpn_and_versions);
  ADD("/ratls/tls/bad-material", test_bad_material);
  ADD("/ratls/tls/other-key-types", test_other_key_types);
  return g_test_run();
}
