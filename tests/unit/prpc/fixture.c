#include "fixture.h"

#include "base/error.h"
#include "base/file.h"
#include "guest_agent.pb-c.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- handlers ---- */

static gboolean get_key(PrpcCall *call, const ProtobufCMessage *message, ProtobufCMessage *answer, gpointer data,
                        GError **error) {
  (void)data;
  const DstackGuest__GetKeyArgs *request = (const DstackGuest__GetKeyArgs *)message;
  DstackGuest__GetKeyResponse *response = (DstackGuest__GetKeyResponse *)answer;
  if (strcmp(request->path, "fail") == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "no key for you: \"%s\"", request->purpose);
    return FALSE;
  }
  if (strcmp(request->path, "peer") == 0) {
    const PrpcPeer *peer = prpc_call_peer(call);
    g_autofree char *text = g_strdup_printf("%d %u %s", peer->kind, peer->cid, peer->address);
    prpc_set_bytes(&response->key, text, strlen(text));
    return TRUE;
  }
  if (strcmp(request->path, "identity") == 0) {
    const char *identity = prpc_call_identity(call);
    prpc_set_bytes(&response->key, identity ? identity : "-", identity ? strlen(identity) : 1);
    return TRUE;
  }
  if (strcmp(request->path, "slow") == 0)
    g_usleep(200000);
  g_autofree char *joined = g_strconcat(request->path, "|", request->purpose, NULL);
  prpc_set_bytes(&response->key, joined, strlen(joined));
  return TRUE;
}

static gboolean emit_event(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                           GError **error) {
  (void)call, (void)request, (void)response, (void)data, (void)error;
  return TRUE;
}

static gboolean info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *answer, gpointer data,
                     GError **error) {
  (void)call, (void)request, (void)data, (void)error;
  DstackGuest__AppInfo *response = (DstackGuest__AppInfo *)answer;
  prpc_set_string(&response->app_name, "n\xc3\xa4me");
  return TRUE;
}

static PrpcService *make_service(const char *prefix) {
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, prefix, NULL);
  prpc_service_handle(service, "GetKey", get_key);
  prpc_service_handle(service, "EmitEvent", emit_event);
  prpc_service_quick(service, "EmitEvent");
  prpc_service_handle(service, "Info", info);
  prpc_service_limit(service, "getquote", 1000);
  return service;
}

/* ---- routes ---- */

static void hello(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  g_autofree char *name = prpc_http_query_value(request, "name");
  g_autofree char *text = g_strconcat("hello ", name ? name : "nobody", NULL);
  prpc_http_reply(request, 200, "text/plain", text, strlen(text),
                  (const char *const[]){"X-Extra: yes", "X-Evil: a\r\nb", NULL});
}

static void echo(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  gsize len;
  const void *body = g_bytes_get_data(prpc_http_body(request), &len);
  prpc_http_reply(request, 200, "application/octet-stream", body, len, NULL);
}

static void stream(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  prpc_http_stream_start(request, 200, "text/plain");
  prpc_http_stream_write(request, "one", 3);
  prpc_http_stream_write(request, "", 0);
  prpc_http_stream_write(request, "two", 3);
  prpc_http_stream_end(request);
}

static void forever(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  static const char piece[8192] = {0};
  prpc_http_stream_start(request, 200, "application/octet-stream");
  while (prpc_http_stream_write(request, piece, sizeof piece))
    ;
  prpc_http_stream_end(request);
}

Fixture *fixture_new(void) {
  g_autoptr(GError) error = NULL;
  Fixture *fixture = g_new0(Fixture, 1);
  fixture->dir = g_dir_make_tmp("dstack-prpc-XXXXXX", NULL);
  fixture->unix_path = g_build_filename(fixture->dir, "s", NULL);
  fixture->unix_url = g_strconcat("unix:", fixture->unix_path, NULL);
  fixture->router = prpc_router_new("test server");
  prpc_router_header(fixture->router, "X-Router: yes");
  prpc_router_mount(fixture->router, "", make_service(""));
  prpc_router_mount(fixture->router, "/prpc", make_service("Tappd."));
  prpc_router_route(fixture->router, "GET", "/hello", 0, hello, NULL);
  prpc_router_route(fixture->router, "POST,PUT", "/echo", 20 << 20, echo, NULL);
  prpc_router_route(fixture->router, "GET", "/files/*", 0, hello, NULL);
  prpc_router_route(fixture->router, "GET", "/stream", 0, stream, NULL);
  prpc_router_route(fixture->router, "GET", "/forever", 0, forever, NULL);
  fixture->server = prpc_server_new(4, 20000, &error);
  g_assert_no_error(error);
  fixture->unix_listener = prpc_server_listen(fixture->server, fixture->unix_url, fixture->router, NULL, &error);
  g_assert_no_error(error);
  fixture->tcp_listener = prpc_server_listen(fixture->server, "127.0.0.1:0", fixture->router, NULL, &error);
  g_assert_no_error(error);
  prpc_server_start(fixture->server);
  return fixture;
}

void fixture_free(Fixture *fixture) {
  prpc_server_free(fixture->server);
  prpc_router_free(fixture->router);
  file_remove_tree(fixture->dir, NULL);
  g_free(fixture->dir);
  g_free(fixture->unix_path);
  g_free(fixture->unix_url);
  g_free(fixture);
}

/* ---- raw sockets ---- */

int fixture_connect(Fixture *fixture) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, fixture->unix_path, sizeof address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

int fixture_connect_tcp(Fixture *fixture) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(prpc_server_port(fixture->server, fixture->tcp_listener));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

void send_text(int fd, const char *text) {
  gsize len = strlen(text);
  while (len > 0) {
    ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
    if (n <= 0)
      return; /* the server has enough: what it answered is judged */
    text += n;
    len -= (gsize)n;
  }
}

static gboolean read_some(int fd, GString *into) {
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  char piece[4096];
  ssize_t n = poll(&poll_fd, 1, 10000) == 1 ? recv(fd, piece, sizeof piece, 0) : -1;
  if (n > 0)
    g_string_append_len(into, piece, n);
  return n > 0;
}

char *read_to_end(int fd) {
  GString *all = g_string_new(NULL);
  while (read_some(fd, all))
    ;
  return g_string_free(all, FALSE);
}

/* The size of the whole answer, once its head is there; G_MAXSIZE before. */
static gsize answer_size(const char *text) {
  const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "content-length: ");
  return end && length ? (gsize)(end - text) + 4 + strtoul(length + strlen("content-length: "), NULL, 10) : G_MAXSIZE;
}

char *read_answer(int fd) {
  GString *all = g_string_new(NULL);
  gsize wanted = G_MAXSIZE;
  while (all->len < wanted && read_some(fd, all))
    if (wanted == G_MAXSIZE)
      wanted = answer_size(all->str);
  return g_string_free(all, FALSE);
}

char *exchange(Fixture *fixture, const char *text) {
  int fd = fixture_connect(fixture);
  send_text(fd, text);
  shutdown(fd, SHUT_WR);
  char *answer = read_to_end(fd);
  close(fd);
  return answer;
}

int status_of(const char *answer) { return g_str_has_prefix(answer, "HTTP/1.1 ") ? atoi(answer + 9) : -1; }

const char *body_of(const char *answer) {
  const char *end = strstr(answer, "\r\n\r\n");
  return end ? end + 4 : "";
}

/* ---- certificates ---- */

static X509 *sign(EVP_PKEY *key, const char *name, const char *alt_name, X509 *issuer, EVP_PKEY *issuer_key) {
  X509 *certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), g_random_int_range(1, G_MAXINT));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const guchar *)name, -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
  g_autofree char *alternative =
      alt_name ? g_strconcat(g_hostname_is_ip_address(alt_name) ? "IP:" : "DNS:", alt_name, NULL) : NULL;
  X509_EXTENSION *extension = alt_name ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative)
                                       : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  g_assert_cmpint(X509_sign(certificate, issuer_key, EVP_sha256()), >, 0);
  return certificate;
}

TestIdentity *identity_new(const char *alt_name) {
  TestIdentity *identity = g_new0(TestIdentity, 1);
  identity->ca_key = EVP_EC_gen("P-256");
  identity->key = EVP_EC_gen("P-256");
  identity->ca = sign(identity->ca_key, "test ca", NULL, NULL, identity->ca_key);
  identity->certificate = sign(identity->key, "leaf", alt_name, identity->ca, identity->ca_key);
  return identity;
}

TestIdentity *identity_sibling(TestIdentity *other, const char *alt_name) {
  TestIdentity *identity = g_new0(TestIdentity, 1);
  EVP_PKEY_up_ref(other->ca_key);
  X509_up_ref(other->ca);
  identity->ca_key = other->ca_key;
  identity->ca = other->ca;
  identity->key = EVP_EC_gen("P-256");
  identity->certificate = sign(identity->key, "sibling", alt_name, other->ca, other->ca_key);
  return identity;
}

void identity_free(TestIdentity *identity) {
  X509_free(identity->ca);
  X509_free(identity->certificate);
  EVP_PKEY_free(identity->ca_key);
  EVP_PKEY_free(identity->key);
  g_free(identity);
}

SSL_CTX *identity_server_context(TestIdentity *identity, gboolean ask_client) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, identity->certificate);
  SSL_CTX_use_PrivateKey(context, identity->key);
  if (ask_client) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), identity->ca);
  }
  return context;
}

SSL_CTX *identity_client_context(TestIdentity *identity, TestIdentity *ca_of) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (identity) {
    SSL_CTX_use_certificate(context, identity->certificate);
    SSL_CTX_use_PrivateKey(context, identity->key);
  }
  if (ca_of) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca_of->ca);
  }
  return context;
}
