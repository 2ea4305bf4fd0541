/* The data plane on loopback: real TLS clients and backends through the proxy (spec: gateway 13). */
#include "gateway/proxy.h"

#include "base/file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Loopback stands in for the tunnel: 127.9.0.2 is the first client of this plan. */
#define BACKEND_IP "127.9.0.2"
#define APP "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define INSTANCE "1111111111111111111111111111111111111111"
#define KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define OWN_KEY "MjEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define IO_LIMIT_S 10

typedef struct {
  char *dir, *cert, *key;
  Registry *registry;
  CertificateStore *certificates;
  Proxy *proxy;
  Ipv4Net reserved;
  int listener;
  guint16 backend_port;
} Fixture;

static void write_certificate(Fixture *fixture) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const guchar *)"*.app.test", -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  X509_sign(cert, key, EVP_sha256());
  fixture->cert = g_build_filename(fixture->dir, "cert.pem", NULL);
  fixture->key = g_build_filename(fixture->dir, "key.pem", NULL);
  FILE *file = fopen(fixture->cert, "w");
  PEM_write_X509(file, cert);
  (void)fclose(file);
  file = fopen(fixture->key, "w");
  PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
  (void)fclose(file);
  X509_free(cert);
  EVP_PKEY_free(key);
}

static int listen_on_backend(guint16 *port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  g_assert_cmpint(inet_pton(AF_INET, BACKEND_IP, &address.sin_addr), ==, 1);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
  g_assert_cmpint(listen(fd, 16), ==, 0);
  g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->dir = g_dir_make_tmp("dstack-proxy-XXXXXX", NULL);
  write_certificate(fixture);
  g_autofree char *state = g_build_filename(fixture->dir, "state.json", NULL);
  Ipv4Plan plan = {.reserved = &fixture->reserved, .n_reserved = 1};
  g_assert_true(ipv4_net_parse("127.9.0.1/24", &plan.self, NULL) &&
                ipv4_net_parse("127.9.0.1/32", &fixture->reserved, NULL) &&
                ipv4_net_parse("127.9.0.0/24", &plan.clients, NULL));
  fixture->registry = registry_new(&plan, state, OWN_KEY, NULL);
  gboolean changed;
  g_assert_cmphex(registry_register(fixture->registry, INSTANCE, APP, KEY, &changed, NULL), ==, 0x7f090002);
  const char *const versions[] = {"1.2", "1.3", NULL};
  fixture->certificates = certificate_store_new(fixture->cert, fixture->key, versions, NULL);
  g_assert_nonnull(fixture->certificates);
  fixture->listener = listen_on_backend(&fixture->backend_port);
  ProxyOptions options = {.listen_addr = "127.0.0.1", .workers = 2, .base_domain = "app.test", .connect_top_n = 3,
                          .buffer_size = 8192, .max_connections = 100, .handshake_ms = 2000, .connect_ms = 2000,
                          .idle_ms = 60000, .total_ms = 60000, .registry = fixture->registry,
                          .certificates = fixture->certificates};
  fixture->proxy = proxy_start(&options, NULL);
  g_assert_nonnull(fixture->proxy);
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  proxy_stop(fixture->proxy);
  (void)close(fixture->listener);
  certificate_store_free(fixture->certificates);
  registry_free(fixture->registry);
  g_assert_true(file_remove_tree(fixture->dir, NULL));
  g_free(fixture->dir);
  g_free(fixture->cert);
  g_free(fixture->key);
}

static int dial(Fixture *fixture) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(proxy_port(fixture->proxy)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval limit = {.tv_sec = IO_LIMIT_S};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

/* Echoes everything of one connection back, then closes; the connection's byte count is returned. */
static gpointer echo_once(gpointer data) {
  int fd = accept(GPOINTER_TO_INT(data), NULL, NULL);
  gsize total = 0;
  guint8 chunk[16384];
  ssize_t n;
  while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0) {
    for (ssize_t done = 0; done < n;) {
      ssize_t put = send(fd, chunk + done, (gsize)(n - done), MSG_NOSIGNAL);
      if (put <= 0)
        goto out;
      done += put;
    }
    total += (gsize)n;
  }
out:
  (void)close(fd);
  return GSIZE_TO_POINTER(total);
}

static SSL *tls_dial(SSL_CTX *context, int fd, const char *name) {
  SSL *ssl = SSL_new(context);
  SSL_set_tlsext_host_name(ssl, name);
  SSL_set_fd(ssl, fd);
  return ssl;
}

static void test_terminate(Fixture *fixture, gconstpointer data) {
  gsize bytes = GPOINTER_TO_SIZE(data);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  GThread *backend = g_thread_new("backend", echo_once, GINT_TO_POINTER(fixture->listener));
  int fd = dial(fixture);
  g_autofree char *name = g_strdup_printf(APP "-%u.App.TEST", fixture->backend_port);
  SSL *ssl = tls_dial(context, fd, name);
  g_assert_cmpint(SSL_connect(ssl), ==, 1);
  /* One SSL object must not be used by two threads at once: send first what fits, then alternate. */
  gsize received = 0, sent = 0;
  guint8 chunk[5000];
  while (received < bytes) {
    if (sent < bytes && sent - received < 4 * sizeof chunk) {
      for (gsize i = 0; i < sizeof chunk; i++)
        chunk[i] = (guint8)((sent + i) % 251);
      g_assert_cmpint(SSL_write(ssl, chunk, sizeof chunk), ==, sizeof chunk);
      sent += sizeof chunk;
      continue;
    }
    int n = SSL_read(ssl, chunk, sizeof chunk);
    g_assert_cmpint(n, >, 0);
    for (int i = 0; i < n; i++)
      g_assert_cmpuint(chunk[i], ==, (received + (gsize)i) % 251);
    received += (gsize)n;
  }
  g_assert_cmpint(SSL_shutdown(ssl), >=, 0); /* half close: the backend sees the end and closes, we see its close */
  g_assert_cmpint(SSL_read(ssl, chunk, sizeof chunk), ==, 0);
  g_assert_cmpuint(GPOINTER_TO_SIZE(g_thread_join(backend)), ==, bytes);
  SSL_free(ssl);
  SSL_CTX_free(context);
  (void)close(fd);
}

/* Passthrough: the backend gets the very bytes of the client hello. */
static void test_passthrough(Fixture *fixture, gconstpointer data) {
  (void)data;
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  g_autofree char *name = g_strdup_printf(INSTANCE "-%us.app.test", fixture->backend_port);
  SSL *ssl = SSL_new(context);
  BIO *out = BIO_new(BIO_s_mem()), *in = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  SSL_set_tlsext_host_name(ssl, name);
  g_assert_cmpint(SSL_connect(ssl), <, 0);
  char *hello;
  gsize len = (gsize)BIO_get_mem_data(out, &hello);
  int fd = dial(fixture);
  /* In two pieces, so that the name is not there at first. */
  g_assert_cmpint(send(fd, hello, 20, 0), ==, 20);
  g_usleep(20000);
  g_assert_cmpint(send(fd, hello + 20, len - 20, 0), ==, (gssize)len - 20);
  int backend = accept(fixture->listener, NULL, NULL);
  g_autofree guint8 *got = g_malloc(len);
  for (gsize done = 0; done < len;) {
    ssize_t n = recv(backend, got + done, len - done, 0);
    g_assert_cmpint(n, >, 0);
    done += (gsize)n;
  }
  g_assert_cmpmem(got, len, hello, len);
  (void)close(backend);
  guint8 end;
  g_assert_cmpint(recv(fd, &end, 1, 0), ==, 0);
  (void)close(fd);
  SSL_free(ssl);
  SSL_CTX_free(context);
}

/* Everything that leads nowhere is closed with a TLS alert, and soon. */
static void test_refusals(Fixture *fixture, gconstpointer data) {
  (void)data;
  static const char *const names[] = {"unknown.app.test", "a-b-c.app.test", "elsewhere.test", NULL};
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  for (guint i = 0; names[i]; i++) {
    int fd = dial(fixture);
    SSL *ssl = tls_dial(context, fd, names[i]);
    g_assert_cmpint(SSL_connect(ssl), !=, 1);
    SSL_free(ssl);
    (void)close(fd);
  }
  SSL_CTX_free(context);
  int fd = dial(fixture);
  g_assert_cmpint(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), ==, 18);
  guint8 alert[16];
  g_assert_cmpint(recv(fd, alert, sizeof alert, 0), ==, 7);
  g_assert_cmpuint(alert[0], ==, 21);
  (void)close(fd);
}

/* A client that says nothing is let go after the handshake limit; a dead backend ends the connection. */
static void test_limits(Fixture *fixture, gconstpointer data) {
  (void)data;
  guint8 byte;
  int silent = dial(fixture);
  g_assert_cmpint(recv(silent, &byte, 1, 0), ==, 0);
  (void)close(silent);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  int fd = dial(fixture);
  SSL *ssl = tls_dial(context, fd, INSTANCE "-1.app.test");
  (void)SSL_connect(ssl); /* may finish before the refusal of the backend arrives */
  g_assert_cmpint(SSL_read(ssl, &byte, 1), <=, 0);
  SSL_free(ssl);
  SSL_CTX_free(context);
  (void)close(fd);
  for (guint i = 0; i < 100 && proxy_connections(fixture->proxy) > 0; i++)
    g_usleep(20000);
  g_assert_cmpuint(proxy_connections(fixture->proxy), ==, 0);
}

#define ADD(path, data, test) g_test_add(path, Fixture, data, set_up, test, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/gateway/proxy/terminate-small", GSIZE_TO_POINTER(5000), test_terminate);
  ADD("/gateway/proxy/terminate-large", GSIZE_TO_POINTER(5000000), test_terminate);
  ADD("/gateway/proxy/passthrough", NULL, test_passthrough);
  ADD("/gateway/proxy/refusals", NULL, test_refusals);
  ADD("/gateway/proxy/limits", NULL, test_limits);
  return g_test_run();
}
