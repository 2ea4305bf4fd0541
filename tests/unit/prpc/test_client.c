/* Tests of the client over every transport, against the server. */
#include "fixture.h"

#include "base/error.h"
#include "google/protobuf/empty.pb-c.h"
#include "guest_agent.pb-c.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static ProtobufCMessage *get_key(PrpcClient *client, const char *path, GError **error) {
  DstackGuest__GetKeyArgs request = DSTACK_GUEST__GET_KEY_ARGS__INIT;
  request.path = (char *)path;
  request.purpose = (char *)"p";
  return prpc_client_call(client, "GetKey", &request.base, &dstack_guest__get_key_response__descriptor, error);
}

static void assert_key(PrpcClient *client, const char *path, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = get_key(client, path, &error);
  g_assert_no_error(error);
  const DstackGuest__GetKeyResponse *response = (DstackGuest__GetKeyResponse *)message;
  g_autofree char *key = g_strndup((const char *)response->key.data, response->key.len);
  g_assert_cmpstr(key, ==, expected);
}

static void test_unix_and_tcp(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autoptr(GError) error = NULL;
  g_autofree char *prefixed = g_strconcat(fixture->unix_url, "|/prpc/", NULL);
  g_autofree char *tcp =
      g_strdup_printf("http://127.0.0.1:%u/prpc", prpc_server_port(fixture->server, fixture->tcp_listener));
  for (const char *const *url = (const char *const[]){fixture->unix_url, prefixed, tcp, NULL}; *url; url++) {
    g_autoptr(PrpcClient) client = prpc_client_new(*url, &error);
    g_assert_no_error(error);
    assert_key(client, "a", "a|p");
    DstackGuest__EmitEventArgs event = DSTACK_GUEST__EMIT_EVENT_ARGS__INIT;
    g_autoptr(PrpcMessage) empty =
        prpc_client_call(client, "EmitEvent", &event.base, &google__protobuf__empty__descriptor, &error);
    g_assert_no_error(error);
    g_autoptr(PrpcMessage) info = prpc_client_call(client, "Info", NULL, &dstack_guest__app_info__descriptor, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(((DstackGuest__AppInfo *)info)->app_name, ==, "n\xc3\xa4me");
    g_assert_null(get_key(client, "fail", &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
    g_assert_cmpstr(error->message, ==, "GetKey: no key for you: \"p\"");
    g_clear_error(&error);
    g_assert_null(prpc_client_call(client, "x/y", NULL, &google__protobuf__empty__descriptor, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
  }
}

/* ---- servers that misbehave ---- */

/* A server that answers its one client with fixed bytes. */
typedef struct {
  char *dir, *path, *url;
  int listener;
  const char *answer;
  guint pause_ms; /* before it closes */
  GThread *thread;
  char received[65536];
} FixedServer;

static gpointer serve_fixed(gpointer data) {
  FixedServer *server = data;
  int fd = accept(server->listener, NULL, NULL);
  if (fd < 0)
    return NULL;
  for (gsize len = 0; !g_str_has_suffix(server->received, "}");) { /* the request's last byte */
    ssize_t n = recv(fd, server->received + len, sizeof server->received - 1 - len, 0);
    g_assert_cmpint(n, >, 0);
    len += (gsize)n;
  }
  send_text(fd, server->answer);
  g_usleep(server->pause_ms * 1000);
  close(fd);
  return NULL;
}

static FixedServer *fixed_server_new(const char *answer, guint pause_ms) {
  FixedServer *server = g_new0(FixedServer, 1);
  server->dir = g_dir_make_tmp("dstack-fixed-XXXXXX", NULL);
  server->path = g_build_filename(server->dir, "s", NULL);
  server->url = g_strconcat("unix:", server->path, NULL);
  server->answer = answer;
  server->pause_ms = pause_ms;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, server->path, sizeof address.sun_path);
  server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(server->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(server->listener, 1), ==, 0);
  server->thread = g_thread_new("fixed", serve_fixed, server);
  return server;
}

static void fixed_server_free(FixedServer *server) {
  shutdown(server->listener, SHUT_RDWR); /* wakes an accept that nobody came to */
  g_thread_join(server->thread);
  close(server->listener);
  unlink(server->path);
  rmdir(server->dir);
  g_free(server->dir);
  g_free(server->path);
  g_free(server->url);
  g_free(server);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FixedServer, fixed_server_free)

#define OK_BODY "{\"key\":\"41\"}"

static void test_good_answers(void) {
  static const char *const answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" OK_BODY,
      "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"key\r\n7;x\r\n\":\"41\"}\r\n0\r\nA: b\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\n" OK_BODY,
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
      "12\r\n\r\n" OK_BODY,
      "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" OK_BODY "more than was said",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
    g_autoptr(FixedServer) server = fixed_server_new(answers[i], 0);
    g_autoptr(PrpcClient) client = prpc_client_new(server->url, NULL);
    prpc_client_add_header(client, "Authorization: Bearer t");
    assert_key(client, "a", "A");
    g_assert_cmpstr(server->received, ==,
                    "POST /GetKey?json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 41\r\n"
                    "Authorization: Bearer t\r\n\r\n{\"path\":\"a\",\"purpose\":\"p\",\"algorithm\":\"\"}");
  }
}

static void test_bad_answers(void) {
  static const struct {
    const char *answer;
    DstackErrorCode code;
    const char *text; /* in the message, or NULL */
  } rows[] = {
      {"", DSTACK_ERROR_UNAVAILABLE, NULL},
      {"HTTP/1.1 200 OK\r\n", DSTACK_ERROR_UNAVAILABLE, NULL},
      {"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" OK_BODY, DSTACK_ERROR_UNAVAILABLE, NULL},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n" OK_BODY "\r\n", DSTACK_ERROR_UNAVAILABLE, NULL},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", DSTACK_ERROR_INVALID, "not http"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", DSTACK_ERROR_INVALID, "not http"},
      {"SSH-2.0-x\r\n\r\n", DSTACK_ERROR_INVALID, "not http"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx", DSTACK_ERROR_UNAVAILABLE, NULL},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", DSTACK_ERROR_INVALID, "empty"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", DSTACK_ERROR_INVALID, "object"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"key\":\"4\"}", DSTACK_ERROR_INVALID, "key: "},
      {"HTTP/1.1 201 OK\r\nContent-Length: 12\r\n\r\n" OK_BODY, DSTACK_ERROR_INVALID, "status 201"},
      {"HTTP/1.1 400 No\r\nContent-Length: 13\r\n\r\n{\"error\":\"x\"}", DSTACK_ERROR_DENIED, "GetKey: x"},
      {"HTTP/1.1 400 No\r\nContent-Length: 5\r\n\r\n\xff<h1>", DSTACK_ERROR_DENIED, "<h1>"},
      {"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", DSTACK_ERROR_INVALID, "status 404: no"},
      {"HTTP/1.1 302 No\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", DSTACK_ERROR_INVALID, "status 302"},
      {"HTTP/1.1 503 No\r\n\r\n", DSTACK_ERROR_INVALID, "status 503"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(FixedServer) server = fixed_server_new(rows[i].answer, 0);
    g_autoptr(PrpcClient) client = prpc_client_new(server->url, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(get_key(client, "a", &error));
    g_test_message("%s", error->message);
    g_assert_error(error, DSTACK_ERROR, (int)rows[i].code);
    g_assert_true(!rows[i].text || strstr(error->message, rows[i].text));
  }
}

static void test_no_answer_in_time(void) {
  static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"};
  for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
    g_autoptr(FixedServer) server = fixed_server_new(answers[i], 600);
    g_autoptr(PrpcClient) client = prpc_client_new(server->url, NULL);
    prpc_client_set_timeouts(client, 100, 200);
    g_autoptr(GError) error = NULL;
    gint64 start = g_get_monotonic_time();
    g_assert_null(get_key(client, "a", &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 500000);
  }
}

static void test_nobody_there(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *closed =
      g_strdup_printf("http://127.0.0.1:%u", prpc_server_port(fixture->server, fixture->tcp_listener));
  prpc_server_unlisten(fixture->server, fixture->tcp_listener);
  const char *const urls[] = {closed, "unix:/nonexistent/socket", "vsock+unix:/nonexistent/socket:1"};
  for (gsize i = 0; i < G_N_ELEMENTS(urls); i++) {
    g_autoptr(PrpcClient) client = prpc_client_new(urls[i], NULL);
    g_autoptr(GError) error = NULL;
    g_assert_null(get_key(client, "a", &error));
    g_test_message("%s", error->message);
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  }
}

static void test_urls(void) {
  static const char *const bad[] = {"",
                                    "x",
                                    "http://",
                                    "ftp://x",
                                    "unix:",
                                    "unix:|/a",
                                    "unix:/a|b",
                                    "vsock://1",
                                    "vsock://x:1",
                                    "vsock://1:99999999999",
                                    "vsock+unix:/a",
                                    "vsock+unix:/a:x",
                                    "vsock+unix::1"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(prpc_client_new(bad[i], &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

/* A large answer stops at the caller's bound; a sink may stop at any time. */
static gboolean count_some(const void *data, gsize len, gpointer total) {
  (void)data;
  *(gsize *)total += len;
  return *(gsize *)total < 100000;
}

static void test_bounds_and_streams(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *tcp =
      g_strdup_printf("http://127.0.0.1:%u", prpc_server_port(fixture->server, fixture->tcp_listener));
  g_autofree char *body = g_strnfill(100001, 'x');
  for (const char *const *url = (const char *const[]){fixture->unix_url, tcp, NULL}; *url; url++) {
    g_autoptr(PrpcClient) client = prpc_client_new(*url, NULL);
    g_autoptr(GError) error = NULL;
    int status;
    g_assert_null(prpc_client_http(client, "POST", "/echo", NULL, body, 100001, 100000, &status, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
    g_autoptr(GBytes) fits =
        prpc_client_http(client, "PUT", "/echo", "text/plain", body, 100000, 100000, &status, NULL);
    g_assert_cmpuint(g_bytes_get_size(fits), ==, 100000);
    g_autoptr(GBytes) head = prpc_client_http(client, "HEAD", "/hello", NULL, NULL, 0, 100, &status, NULL);
    g_assert_cmpuint(g_bytes_get_size(head), ==, 0);
    gsize total = 0;
    g_assert_true(prpc_client_stream(client, "/forever", count_some, &total, &status, NULL));
    g_assert_cmpuint(total, >=, 100000);
    g_assert_cmpint(status, ==, 200);
    g_autoptr(GError) malformed = NULL;
    g_assert_null(prpc_client_http(client, "GET", "/a b", NULL, NULL, 0, 100, &status, &malformed));
    g_assert_error(malformed, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    prpc_client_add_header(client, "A: b\r\nC: d");
    g_clear_error(&malformed);
    g_assert_null(prpc_client_http(client, "GET", "/hello", NULL, NULL, 0, 100, &status, &malformed));
    g_assert_error(malformed, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/client/unix-and-tcp", test_unix_and_tcp);
  g_test_add_func("/prpc/client/good-answers", test_good_answers);
  g_test_add_func("/prpc/client/bad-answers", test_bad_answers);
  g_test_add_func("/prpc/client/no-answer-in-time", test_no_answer_in_time);
  g_test_add_func("/prpc/client/nobody-there", test_nobody_there);
  g_test_add_func("/prpc/client/urls", test_urls);
  g_test_add_func("/prpc/client/bounds-and-streams", test_bounds_and_streams);
  return g_test_run();
}
