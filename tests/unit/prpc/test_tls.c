/* TLS on both sides: with and without client certificates, and every way in which trust can fail. */
#include "fixture.h"

#include "base/error.h"
#include "guest_agent.pb-c.h"
#include "prpc/server_private.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  Fixture *fixture;
  TestIdentity *server; /* and the CA of whoever the server trusts */
  guint listener;
  gint judged; /* atomic: calls of the authenticator */
} Setup;

/* Lets in who is called "sibling", under the certificate's serial number. */
static gboolean judge(X509 *certificate, gpointer data, gpointer *identity, GError **error) {
  Setup *setup = data;
  g_atomic_int_inc(&setup->judged);
  char name[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  if (strcmp(name, "sibling") == 0) {
    *identity = g_strdup(name);
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "not for %s", name);
  return FALSE;
}

static void setup_free(Setup *setup) {
  fixture_free(setup->fixture);
  identity_free(setup->server);
  g_free(setup);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Setup, setup_free)

static Setup *setup_new(gboolean ask_client) {
  Setup *setup = g_new0(Setup, 1);
  setup->fixture = fixture_new();
  setup->server = identity_new("127.0.0.1");
  g_autoptr(SSL_CTX) context = identity_server_context(setup->server, ask_client);
  PrpcListenOptions options = {.tls = context, .identity_free = g_free};
  if (ask_client) {
    options.authenticator = judge;
    options.authenticator_data = setup;
  }
  g_autoptr(GError) error = NULL;
  setup->listener = prpc_server_listen(setup->fixture->server, "127.0.0.1:0", setup->fixture->router, &options, &error);
  g_assert_no_error(error);
  return setup;
}

static PrpcClient *client_new(Setup *setup, TestIdentity *identity, TestIdentity *ca_of, gboolean verify_host) {
  g_autofree char *url =
      g_strdup_printf("https://127.0.0.1:%u", prpc_server_port(setup->fixture->server, setup->listener));
  g_autoptr(SSL_CTX) context = identity_client_context(identity, ca_of);
  PrpcClient *client = prpc_client_new(url, NULL);
  prpc_client_set_tls(client, context, verify_host);
  return client;
}

static char *get_key(PrpcClient *client, const char *path, GError **error) {
  DstackGuest__GetKeyArgs request = DSTACK_GUEST__GET_KEY_ARGS__INIT;
  request.path = (char *)path;
  g_autoptr(PrpcMessage) message =
      prpc_client_call(client, "GetKey", &request.base, &dstack_guest__get_key_response__descriptor, error);
  const DstackGuest__GetKeyResponse *response = (DstackGuest__GetKeyResponse *)message;
  return response ? g_strndup((const char *)response->key.data, response->key.len) : NULL;
}

static void assert_key(PrpcClient *client, const char *path, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autofree char *key = get_key(client, path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(key, ==, expected);
}

static void assert_refused(PrpcClient *client, const char *path, DstackErrorCode code) {
  g_autoptr(GError) error = NULL;
  g_autofree char *key = get_key(client, path, &error);
  g_assert_null(key);
  g_test_message("%s", error->message);
  g_assert_error(error, DSTACK_ERROR, (int)code);
}

/* ---- the server's certificate ---- */

static void test_server_trusted(void) {
  g_autoptr(Setup) setup = setup_new(FALSE);
  g_autoptr(PrpcClient) client = client_new(setup, NULL, setup->server, TRUE);
  assert_key(client, "a", "a|");
  g_autofree char *large = g_strnfill(1 << 20, 'x');
  g_autofree char *expected = g_strconcat(large, "|", NULL);
  assert_key(client, large, expected);
}

static void test_server_untrusted(void) {
  g_autoptr(Setup) setup = setup_new(FALSE);
  g_autoptr(TestIdentity) stranger = identity_new("127.0.0.1");
  g_autoptr(PrpcClient) wrong_root = client_new(setup, NULL, stranger, TRUE);
  assert_refused(wrong_root, "a", DSTACK_ERROR_UNVERIFIED);
  g_autofree char *url =
      g_strdup_printf("https://localhost:%u", prpc_server_port(setup->fixture->server, setup->listener));
  g_autoptr(PrpcClient) wrong_name = prpc_client_new(url, NULL);
  g_autoptr(SSL_CTX) context = identity_client_context(NULL, setup->server);
  prpc_client_set_tls(wrong_name, context, TRUE);
  assert_refused(wrong_name, "a", DSTACK_ERROR_UNVERIFIED);
  prpc_client_set_tls(wrong_name, context, FALSE);
  assert_key(wrong_name, "a", "a|");
  g_autoptr(PrpcClient) system_roots = prpc_client_new(url, NULL);
  assert_refused(system_roots, "a", DSTACK_ERROR_UNVERIFIED);
}

static gboolean refuse_server(X509 *certificate, gpointer data, GError **error) {
  (void)data;
  g_assert_nonnull(certificate);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "i do not like it");
  return FALSE;
}

static gboolean accept_server(X509 *certificate, gpointer data, GError **error) {
  (void)certificate, (void)error;
  g_atomic_int_inc((gint *)data);
  return TRUE;
}

/* The caller's own judgement comes after the chain and before anything is sent. */
static void test_server_check(void) {
  g_autoptr(Setup) setup = setup_new(FALSE);
  gint asked = 0;
  g_autoptr(PrpcClient) picky = client_new(setup, NULL, setup->server, TRUE);
  prpc_client_set_server_check(picky, refuse_server, NULL);
  g_autoptr(GError) error = NULL;
  g_assert_null(get_key(picky, "a", &error));
  g_assert_cmpstr(error->message, ==, "GetKey: i do not like it");
  prpc_client_set_server_check(picky, accept_server, &asked);
  assert_key(picky, "a", "a|");
  assert_key(picky, "a", "a|");
  g_assert_cmpint(asked, ==, 2);
  g_autoptr(TestIdentity) stranger = identity_new("127.0.0.1");
  g_autoptr(PrpcClient) wrong_root = client_new(setup, NULL, stranger, TRUE);
  prpc_client_set_server_check(wrong_root, accept_server, &asked);
  assert_refused(wrong_root, "a", DSTACK_ERROR_UNVERIFIED);
  g_assert_cmpint(asked, ==, 2);
}

/* ---- the client's certificate ---- */

static void test_client_trusted(void) {
  g_autoptr(Setup) setup = setup_new(TRUE);
  g_autoptr(TestIdentity) sibling = identity_sibling(setup->server, "client");
  g_autoptr(PrpcClient) known = client_new(setup, sibling, setup->server, TRUE);
  assert_key(known, "identity", "sibling");
  g_assert_cmpint(setup->judged, ==, 1);
  g_autoptr(PrpcClient) nobody = client_new(setup, NULL, setup->server, TRUE);
  assert_key(nobody, "identity", "-");
  g_assert_cmpint(setup->judged, ==, 1);
}

/* A chain the server does not trust ends the handshake; one it trusts may still be refused by the authenticator, with a
 * prpc error. */
static void test_client_refused(void) {
  g_autoptr(Setup) setup = setup_new(TRUE);
  g_autoptr(TestIdentity) stranger = identity_new("127.0.0.1");
  g_autoptr(PrpcClient) untrusted = client_new(setup, stranger, setup->server, TRUE);
  assert_refused(untrusted, "a", DSTACK_ERROR_UNAVAILABLE);
  g_assert_cmpint(setup->judged, ==, 0);
  g_autoptr(PrpcClient) disliked = client_new(setup, setup->server, setup->server, TRUE);
  g_autoptr(GError) error = NULL;
  g_assert_null(get_key(disliked, "a", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
  g_assert_cmpstr(error->message, ==, "GetKey: not for leaf");
  int status;
  g_autoptr(GBytes) route = prpc_client_http(disliked, "GET", "/hello", NULL, NULL, 0, 100, &status, NULL);
  g_assert_cmpint(status, ==, 200); /* plain routes are for everybody */
  g_assert_nonnull(route);
}

/* ---- bytes on the wire ---- */

typedef struct {
  int fd;
  SSL_CTX *context;
  SSL *ssl;
} RawTls;

static RawTls raw_open(Setup *setup, TestIdentity *identity) {
  guint tcp = setup->fixture->tcp_listener;
  setup->fixture->tcp_listener = setup->listener;
  RawTls raw = {.fd = fixture_connect_tcp(setup->fixture), .context = identity_client_context(identity, NULL)};
  setup->fixture->tcp_listener = tcp;
  raw.ssl = SSL_new(raw.context);
  SSL_set_fd(raw.ssl, raw.fd);
  g_assert_cmpint(SSL_connect(raw.ssl), ==, 1);
  return raw;
}

static void raw_close(RawTls *raw) {
  SSL_free(raw->ssl);
  SSL_CTX_free(raw->context);
  close(raw->fd);
}

static void raw_send(RawTls *raw, const char *text) {
  g_assert_cmpint(SSL_write(raw->ssl, text, (int)strlen(text)), >, 0);
}

static char *raw_read(RawTls *raw) {
  GString *all = g_string_new(NULL);
  char piece[4096];
  for (int n; (n = SSL_read(raw->ssl, piece, sizeof piece)) > 0;)
    g_string_append_len(all, piece, n);
  return g_string_free(all, FALSE);
}

/* One judgement serves a kept connection; a refusal is judged again. */
static void test_kept_connection(void) {
  g_autoptr(Setup) setup = setup_new(TRUE);
  g_autoptr(TestIdentity) sibling = identity_sibling(setup->server, "client");
  RawTls raw = raw_open(setup, sibling);
  for (int i = 0; i < 3; i++)
    raw_send(&raw, "POST /GetKey?json HTTP/1.1\r\nContent-Length: 19\r\n\r\n{\"path\":\"identity\"}");
  raw_send(&raw, "GET /Info HTTP/1.1\r\nConnection: close\r\n\r\n");
  g_autofree char *answers = raw_read(&raw);
  g_assert_true(g_str_has_suffix(answers, "}"));
  g_assert_cmpint(setup->judged, ==, 1);
  raw_close(&raw);
  RawTls refused = raw_open(setup, setup->server);
  raw_send(&refused,
           "GET /Info HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\nPOST /Info HTTP/1.1\r\nConnection: close\r\n\r\n");
  g_autofree char *refusals = raw_read(&refused);
  g_assert_nonnull(strstr(refusals, "{\n  \"error\": \"not for leaf\"\n}"));
  g_assert_nonnull(strstr(refusals, "hello nobody"));
  g_assert_true(g_str_has_suffix(refusals, "\x0a\x0cnot for leaf"));
  g_assert_cmpint(setup->judged, ==, 3);
  raw_close(&refused);
}

/* A refusal comes before the body is read. */
static void test_refused_before_body(void) {
  g_autoptr(Setup) setup = setup_new(TRUE);
  RawTls raw = raw_open(setup, setup->server);
  raw_send(&raw, "POST /GetKey?json HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n");
  g_autofree char *answer = raw_read(&raw);
  g_assert_cmpint(status_of(answer), ==, 400);
  g_assert_nonnull(strstr(answer, "not for leaf"));
  raw_close(&raw);
}

static void test_half_closed(void) {
  g_autoptr(Setup) setup = setup_new(FALSE);
  RawTls raw = raw_open(setup, NULL);
  raw_send(&raw, "GET /GetKey?path=slow HTTP/1.1\r\n\r\n");
  SSL_shutdown(raw.ssl);
  shutdown(raw.fd, SHUT_WR);
  g_autofree char *answer = raw_read(&raw);
  g_assert_cmpint(status_of(answer), ==, 200);
  raw_close(&raw);
}

/* Neither bytes that are no TLS, nor a handshake that never ends, disturb anybody. */
static void test_bad_handshakes(void) {
  static const char *const nonsense[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x40", "\x16\x03\x01\xff\xff\x01",
                                         "\x15\x03\x03"};
  g_autoptr(Setup) setup = setup_new(TRUE);
  guint tcp = setup->fixture->tcp_listener;
  setup->fixture->tcp_listener = setup->listener;
  int silent = fixture_connect_tcp(setup->fixture);
  for (gsize i = 0; i < G_N_ELEMENTS(nonsense); i++) {
    int fd = fixture_connect_tcp(setup->fixture);
    send_text(fd, nonsense[i]);
    shutdown(fd, SHUT_WR);
    g_autofree char *answer = read_to_end(fd);
    g_assert_false(g_str_has_prefix(answer, "HTTP"));
    close(fd);
  }
  setup->fixture->tcp_listener = tcp;
  g_autoptr(TestIdentity) sibling = identity_sibling(setup->server, "client");
  g_autoptr(PrpcClient) client = client_new(setup, sibling, setup->server, TRUE);
  assert_key(client, "identity", "sibling");
  close(silent);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/tls/server-trusted", test_server_trusted);
  g_test_add_func("/prpc/tls/server-untrusted", test_server_untrusted);
  g_test_add_func("/prpc/tls/server-check", test_server_check);
  g_test_add_func("/prpc/tls/client-trusted", test_client_trusted);
  g_test_add_func("/prpc/tls/client-refused", test_client_refused);
  g_test_add_func("/prpc/tls/kept-connection", test_kept_connection);
  g_test_add_func("/prpc/tls/refused-before-body", test_refused_before_body);
  g_test_add_func("/prpc/tls/half-closed", test_half_closed);
  g_test_add_func("/prpc/tls/bad-handshakes", test_bad_handshakes);
  return g_test_run();
}
