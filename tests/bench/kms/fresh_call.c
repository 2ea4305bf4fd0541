#include "fresh_call.h"

#include "base/json.h"
#include "crypto/x509.h"
#include "ratls/tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ANSWER 16384

struct FreshCaller {
  guint16 port;
  X509 *temp_ca;
  EVP_PKEY *temp_ca_key;
  SSL_CTX *tls;
  char *request;
};

struct FreshIdentity {
  EVP_PKEY *key;
  GBytes *quote, *event_log;
};

static char *make_request(void) {
  g_autoptr(json_t) arguments = json_pack("{s:i, s:s}", "api_version", 1, "vm_config", VM_CONFIG);
  g_autofree char *body = json_print(arguments);
  return g_strdup_printf("POST /prpc/GetAppKey?json HTTP/1.1\r\nHost: kms\r\nContent-Length: %zu\r\n"
                         "Connection: close\r\n\r\n%s",
                         strlen(body), body);
}

FreshCaller *fresh_caller_new(Kms *kms) {
  FreshCaller *caller = g_new0(FreshCaller, 1);
  g_autofree char *path = g_build_filename(kms->cert_dir, "root-ca.crt", NULL), *root = NULL;
  g_assert_true(g_file_get_contents(path, &root, NULL, NULL));
  TlsClientOptions options = {.ca_pem = root};
  caller->port = kms->port;
  caller->temp_ca = kms_temp_ca(kms, &caller->temp_ca_key);
  caller->tls = tls_client_context(&options, NULL);
  caller->request = make_request();
  return caller;
}

void fresh_caller_free(FreshCaller *caller) {
  if (!caller)
    return;
  X509_free(caller->temp_ca);
  EVP_PKEY_free(caller->temp_ca_key);
  SSL_CTX_free(caller->tls);
  g_free(caller->request);
  g_free(caller);
}

FreshIdentity *fresh_identity_new(TdxPlatform *platform) {
  FreshIdentity *identity = g_new0(FreshIdentity, 1);
  identity->key = p256_generate();
  g_assert_true(ratls_take_evidence(platform, identity->key, &identity->quote, &identity->event_log, NULL));
  return identity;
}

void fresh_identity_free(FreshIdentity *identity) {
  EVP_PKEY_free(identity->key);
  g_bytes_unref(identity->quote);
  g_bytes_unref(identity->event_log);
  g_free(identity);
}

X509 *fresh_caller_issue(const FreshCaller *caller, const FreshIdentity *identity) {
  const CertExtension extensions[] = {{RATLS_OID_QUOTE, identity->quote}, {RATLS_OID_EVENT_LOG, identity->event_log}};
  CertSpec spec = {.common_name = "RA-TLS TEMP Cert", .ca_path_len = -1, .extensions = extensions, .n_extensions = 2};
  return cert_build(&spec, identity->key, caller->temp_ca, caller->temp_ca_key, NULL);
}

SSL *fresh_caller_tls(const FreshCaller *caller, const FreshIdentity *identity, X509 *certificate) {
  SSL *ssl = SSL_new(caller->tls);
  g_assert_true(SSL_use_certificate(ssl, certificate) == 1 && SSL_use_PrivateKey(ssl, identity->key) == 1);
  SSL_set_connect_state(ssl);
  return ssl;
}

static int connect_to(guint16 port) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
      connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

/* The server closes after its answer. */
static gboolean exchange(SSL *ssl, const char *request) {
  char answer[MAX_ANSWER];
  int len = 0, n = SSL_write(ssl, request, (int)strlen(request));
  while (n > 0 && len < MAX_ANSWER && (n = SSL_read(ssl, answer + len, MAX_ANSWER - len)) > 0)
    len += n;
  gboolean good = len > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
  if (!good)
    fprintf(stderr, "refused: %.*s\n", len, answer);
  return good;
}

gboolean fresh_call(const FreshCaller *caller, const FreshIdentity *identity) {
  g_autoptr(X509) certificate = fresh_caller_issue(caller, identity);
  SSL *ssl = fresh_caller_tls(caller, identity, certificate);
  int fd = connect_to(caller->port);
  gboolean good = fd >= 0 && SSL_set_fd(ssl, fd) == 1 && exchange(ssl, caller->request);
  SSL_free(ssl);
  if (fd >= 0)
    close(fd);
  return good;
}
