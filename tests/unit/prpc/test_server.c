/* Tests of the server: the convention's conformance lines and error shapes, HTTP behaviour, hostile and slow clients.
 */
#include "fixture.h"

#include "base/error.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JSON_TYPE "Content-Type: application/json\r\n"
#define UNKNOWN_ERROR "{\n  \"error\": \"service not found: Nope\"\n}"

typedef struct {
  const char *request;
  int status;
  const char *expected; /* in the answer, or NULL */
} Case;

static void check_cases(const Case *cases, gsize n) {
  g_autoptr(Fixture) fixture = fixture_new();
  for (gsize i = 0; i < n; i++) {
    g_autofree char *answer = exchange(fixture, cases[i].request);
    gboolean as_expected = !cases[i].expected || strstr(answer, cases[i].expected);
    if (status_of(answer) != cases[i].status || !as_expected)
      g_test_message("%s -> %s", cases[i].request, answer);
    g_assert_cmpint(status_of(answer), ==, cases[i].status);
    g_assert_true(as_expected);
  }
}

/* hex of "a|b" and so on is what the test's GetKey answers */
static void test_conformance(void) {
  static const Case cases[] = {
      {"POST /Nope HTTP/1.1\r\n" JSON_TYPE "Content-Length: 2\r\n\r\n{}", 400, UNKNOWN_ERROR},
      {"POST /Info HTTP/1.1\r\n\r\n", 200, "content-type: application/octet-stream\r\n"},
      {"GET /GetKey?path=a&purpose=b HTTP/1.1\r\nHost: x\r\n\r\n", 200,
       "\r\n\r\n{\"key\":\"617c62\",\"signature_chain\":[]}"},
      {"GET /GetKey?path=/&path=/ HTTP/1.1\r\n\r\n", 400, "path: given twice"},
      {"GET / HTTP/1.1\r\n\r\n", 422, "<h1>422"},
      {"GET /prpc/ HTTP/1.1\r\n\r\n", 422, NULL},
      {"GET /Info/ HTTP/1.1\r\n\r\n", 404, "<h1>404"},
      {"POST /GetKey HTTP/1.1\r\n" JSON_TYPE "Content-Length: 13\r\n\r\n{\"path\":null}", 400, "path: "},
      {"POST /GetKey HTTP/1.1\r\n" JSON_TYPE "Content-Length: 7\r\n\r\n{\"x\":1}", 200, "{\"key\":\"7c\""},
      {"POST /EmitEvent?json HTTP/1.1\r\nContent-Length: 32\r\n\r\n{\"event\":\"a\",\"payload\":\"0xAB\"}  ", 200,
       "\r\n\r\nnull"},
      {"POST /EmitEvent?json HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"payload\":\"abc\"}", 400, "payload: "},
      {"POST /GetKey?json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n{\"pa\r\n9\r\nth\":\"ab\"}\r\n0\r\nA: "
       "b\r\n\r\n",
       200, "61627c"},
  };
  check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_encodings(void) {
  static const Case cases[] = {
      /* ?json: empty, 1 or true; the first one decides; else the content type */
      {"POST /GetKey?json=1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 200, "application/json"},
      {"POST /GetKey?a=b&json=%74rue HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 200, "application/json"},
      {"POST /GetKey?json=yes HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400, "application/octet-stream"},
      {"POST /GetKey?json=0&json=1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400, "application/octet-stream"},
      {"POST /GetKey?json=TRUE HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400, "application/octet-stream"},
      {"POST /GetKey HTTP/1.1\r\nContent-Type: Application/JSON; charset=x\r\nContent-Length: 2\r\n\r\n{}", 200,
       "{\"key\""},
      {"POST /GetKey HTTP/1.1\r\nContent-Type: text/json\r\nContent-Length: 2\r\n\r\n{}", 400,
       "application/octet-stream"},
      {"POST /GetKey HTTP/1.1\r\nContent-Length: 8\r\n\r\n\x0a\x01"
       "a\x12\x03"
       "bcd",
       200,
       "\r\n\r\n\x0a\x05"
       "a|bcd"},
      {"POST /EmitEvent HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 200, "content-length: 0\r\n"},
      {"POST /Nope HTTP/1.1\r\n\r\n", 400, "\r\n\r\n\x0a\x17service not found: Nope"},
      {"GET /Nope HTTP/1.1\r\n\r\n", 400, UNKNOWN_ERROR},
      {"GET /GetKey?path=fail&purpose=%22%0a HTTP/1.1\r\n\r\n", 400,
       "{\n  \"error\": \"no key for you: \\\"\\\"\\n\\\"\"\n}"},
      {"GET /Info?x=%zz HTTP/1.1\r\n\r\n", 200, "\"app_name\":\"n\\u00e4me\""},
      {"POST /Info?json HTTP/1.1\r\nContent-Length: 2\r\n\r\n}{", 200, "\"app_name\""},
      {"GET /Sign HTTP/1.1\r\n\r\n", 400, "not implemented yet: Sign"},
  };
  check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_paths(void) {
  static const Case cases[] = {
      {"GET /prpc/Tappd.Info HTTP/1.1\r\n\r\n", 200, NULL},
      {"GET /prpc/Tappd.Tappd.Info HTTP/1.1\r\n\r\n", 200, NULL},
      {"GET /prpc/Info HTTP/1.1\r\n\r\n", 200, NULL},
      {"GET //prpc//Info HTTP/1.1\r\n\r\n", 200, NULL},
      {"GET /prpc/Tappd.Nope HTTP/1.1\r\n\r\n", 400, UNKNOWN_ERROR},
      {"GET /DstackGuest.Info HTTP/1.1\r\n\r\n", 400, "service not found: DstackGuest.Info"},
      {"GET /info HTTP/1.1\r\n\r\n", 400, NULL},
      {"GET /%49nfo HTTP/1.1\r\n\r\n", 200, NULL},
      {"GET /prpc%2fInfo HTTP/1.1\r\n\r\n", 400, NULL},
      {"POST http://host/Info HTTP/1.1\r\n\r\n", 200, NULL},
      {"GET /prpc/x/Info HTTP/1.1\r\n\r\n", 404, NULL},
      {"GET /a/b HTTP/1.1\r\nAccept: application/json\r\n\r\n", 404, "{\n  \"error\": {\n    \"code\": 404,"},
      {"GET /a/b HTTP/1.1\r\nAccept: text/html;q=0.5, application/json\r\n\r\n", 404, "\"reason\": \"Not Found\""},
      {"GET /a/b HTTP/1.1\r\nAccept: text/html, application/json;q=0.5\r\n\r\n", 404, "text/html"},
      {"PUT /Info HTTP/1.1\r\n\r\n", 404, NULL},
      {"DELETE /Info HTTP/1.1\r\n\r\n", 404, NULL},
      {"OPTIONS * HTTP/1.1\r\n\r\n", 400, "<h1>400"},
      {"GET /a%00b HTTP/1.1\r\n\r\n", 400, "<h1>400"},
      {"GET /hello?name=a%20b HTTP/1.1\r\n\r\n", 200, "\r\n\r\nhello a b"},
      {"GET /files/a/b?name=c HTTP/1.1\r\n\r\n", 200, "\r\n\r\nhello c"},
      {"POST /hello HTTP/1.1\r\n\r\n", 400, NULL},
  };
  check_cases(cases, G_N_ELEMENTS(cases));
}

static void test_headers(void) {
  static const Case cases[] = {
      {"GET /hello HTTP/1.1\r\n\r\n", 200, "\r\nx-content-type-options: nosniff\r\n"},
      {"GET /Info HTTP/1.1\r\n\r\n", 200, "\r\nx-frame-options: SAMEORIGIN\r\n"},
      {"GET /no/pe HTTP/1.1\r\n\r\n", 404, "\r\npermissions-policy: interest-cohort=()\r\n"},
      {"GET /hello HTTP/1.1\r\n\r\n", 200, "\r\nserver: test server\r\n"},
      {"GET /hello HTTP/1.1\r\n\r\n", 200, "\r\ndate: "},
      {"GET /hello HTTP/1.1\r\n\r\n", 200, "\r\nX-Router: yes\r\nX-Extra: yes\r\n"},
      {"GET /hello HTTP/1.0\r\n\r\n", 200, "\r\nconnection: close\r\n"},
      {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "\r\nconnection: keep-alive\r\n"},
      {"GET /hello HTTP/1.1\r\nConnection: x, close\r\n\r\n", 200, "\r\nconnection: close\r\n"},
      {"GET / HTTP/1.1\r\nBad\r\n\r\n", 400, "\r\ncontent-length: 0\r\nconnection: close\r\n"},
  };
  check_cases(cases, G_N_ELEMENTS(cases));
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *answer = exchange(fixture, "GET /hello HTTP/1.1\r\n\r\n");
  g_assert_null(strstr(answer, "X-Evil"));
  g_autofree char *head = exchange(fixture, "HEAD /GetKey?path=a HTTP/1.1\r\n\r\n");
  g_assert_cmpint(status_of(head), ==, 200);
  g_assert_nonnull(strstr(head, "content-length: 35\r\n"));
  g_assert_cmpstr(body_of(head), ==, "");
}

/* Smuggling shapes get one bare answer and the end of the connection. */
static void test_malformed(void) {
  static const char *const requests[] = {
      "POST /Info HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /Info HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
      "POST /Info HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET /Info HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
      "GET /Info HTTP/1.1\nHost: x\n\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01\x02\r\n\r\n",
  };
  g_autoptr(Fixture) fixture = fixture_new();
  for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
    g_autofree char *twice = g_strconcat(requests[i], "GET /Info HTTP/1.1\r\n\r\n", NULL);
    g_autofree char *answer = exchange(fixture, twice);
    g_assert_cmpint(status_of(answer), >=, 400);
    g_assert_null(strstr(answer + 1, "HTTP/1.1 "));
  }
  g_autofree char *nothing = exchange(fixture, "GET /Info HT");
  g_assert_cmpstr(nothing, ==, "");
}

static void test_keep_alive(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *three =
      exchange(fixture, "GET /hello HTTP/1.1\r\n\r\nPOST /GetKey?json HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
                        "GET /hello?name=last HTTP/1.1\r\n\r\n");
  g_assert_true(g_str_has_suffix(three, "hello last"));
  g_assert_nonnull(strstr(three, "{\"key\":\"7c\""));
  int fd = fixture_connect(fixture);
  for (int i = 0; i < 100; i++) {
    send_text(fd, "GET /hello HTTP/1.1\r\n\r\n");
    g_autofree char *answer = read_answer(fd);
    g_assert_cmpint(status_of(answer), ==, 200);
  }
  close(fd);
}

/* Methods that need no worker get one now and then all the same; nobody can tell. */
static void test_quick_methods(void) {
  enum { REQUESTS = 500 };
  g_autoptr(Fixture) fixture = fixture_new();
  GString *requests = g_string_new(NULL);
  for (int i = 0; i < REQUESTS; i++)
    g_string_append(requests, "POST /EmitEvent?json HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
  g_autofree char *answers = exchange(fixture, requests->str);
  g_string_free(requests, TRUE);
  g_auto(GStrv) parts = g_strsplit(answers, "\r\n\r\nnull", -1);
  g_assert_cmpuint(g_strv_length(parts), ==, REQUESTS + 1);
  g_autofree char *large = g_strnfill(8000, ' ');
  g_autofree char *slow_way =
      g_strdup_printf("POST /EmitEvent?json HTTP/1.1\r\nContent-Length: 8002\r\n\r\n{}%s", large);
  g_autofree char *answer = exchange(fixture, slow_way);
  g_assert_cmpint(status_of(answer), ==, 200);
}

/* The bytes arrive one by one. */
static void test_drip(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  static const char request[] = "POST /GetKey?json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
  int fd = fixture_connect_tcp(fixture);
  for (const char *c = request; *c; c++) {
    g_assert_cmpint(send(fd, c, 1, MSG_NOSIGNAL), ==, 1);
    g_usleep(500);
  }
  g_autofree char *answer = read_answer(fd);
  g_assert_cmpint(status_of(answer), ==, 200);
  close(fd);
}

static char *post_of_size(const char *path, gsize size, gboolean chunked) {
  g_autofree char *body = g_strnfill(size, ' ');
  if (chunked)
    return g_strdup_printf("POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n", path, size,
                           body);
  return g_strdup_printf("POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", path, size, body);
}

static void test_body_limits(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  const gsize limit = 10 * 1024 * 1024;
  for (int chunked = 0; chunked < 2; chunked++) {
    g_autofree char *fits = post_of_size("/Info?json", limit, chunked);
    g_autofree char *fits_answer = exchange(fixture, fits);
    g_assert_cmpint(status_of(fits_answer), ==, 200);
    g_autofree char *over = post_of_size("/Info?json", limit + 1, chunked);
    g_autofree char *over_answer = exchange(fixture, over);
    g_assert_cmpint(status_of(over_answer), ==, 400);
    g_assert_cmpstr(body_of(over_answer), ==, "{\n  \"error\": \"payload too large\"\n}");
    g_autofree char *own = post_of_size("/GetQuote?json", 1001, chunked);
    g_autofree char *own_answer = exchange(fixture, own);
    g_assert_nonnull(strstr(own_answer, "payload too large"));
    g_autofree char *route = post_of_size("/echo", (20 << 20) + 1, chunked);
    g_autofree char *route_answer = exchange(fixture, route);
    g_assert_cmpint(status_of(route_answer), ==, 413);
    g_autofree char *echo = post_of_size("/echo", 20 << 20, chunked);
    int fd = fixture_connect_tcp(fixture);
    send_text(fd, echo);
    g_autofree char *echo_answer = read_answer(fd);
    g_assert_cmpuint(strlen(body_of(echo_answer)), ==, 20 << 20);
    close(fd);
  }
}

static void test_expect(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  int fd = fixture_connect(fixture);
  send_text(fd, "POST /GetKey?json HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  char interim[64];
  g_assert_cmpint(recv(fd, interim, sizeof interim, 0), ==, 25);
  g_assert_cmpint(memcmp(interim, "HTTP/1.1 100 Continue\r\n\r\n", 25), ==, 0);
  send_text(fd, "{}");
  g_autofree char *answer = read_answer(fd);
  g_assert_cmpint(status_of(answer), ==, 200);
  close(fd);
  fd = fixture_connect(fixture);
  send_text(fd, "POST /GetKey?json HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
  g_autofree char *refused = read_answer(fd);
  g_assert_cmpint(status_of(refused), ==, 400);
  close(fd);
}

/* ---- streams ---- */

static void test_stream(void) {
  static const Case cases[] = {
      {"GET /stream HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n", 200,
       "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200"},
      {"GET /stream HTTP/1.1\r\n\r\n", 200, "\r\ntransfer-encoding: chunked\r\n"},
      {"GET /stream HTTP/1.0\r\n\r\n", 200, "\r\n\r\nonetwo"},
      {"HEAD /stream HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n", 200, "\r\n\r\nHTTP/1.1 200"},
  };
  check_cases(cases, G_N_ELEMENTS(cases));
}

/* Streams nobody reads hold neither memory nor the workers; a reader who leaves ends them; so does the server's stop.
 */
static void test_streams_do_not_starve(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  int fds[20];
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    fds[i] = fixture_connect(fixture);
    send_text(fds[i], "GET /forever HTTP/1.1\r\n\r\n");
  }
  g_usleep(200000);
  g_autofree char *answer = exchange(fixture, "GET /hello HTTP/1.1\r\n\r\n");
  g_assert_cmpint(status_of(answer), ==, 200);
  for (gsize i = 0; i < G_N_ELEMENTS(fds) / 2; i++)
    close(fds[i]);
  g_autofree char *again = exchange(fixture, "GET /hello HTTP/1.1\r\n\r\n");
  g_assert_cmpint(status_of(again), ==, 200);
  prpc_server_stop(fixture->server);
  for (gsize i = G_N_ELEMENTS(fds) / 2; i < G_N_ELEMENTS(fds); i++)
    close(fds[i]);
}

/* ---- many clients ---- */

static gpointer hammer(gpointer data) {
  Fixture *fixture = data;
  for (int i = 0; i < 50; i++) {
    g_autofree char *answer = exchange(fixture, "GET /GetKey?path=a&purpose=b HTTP/1.1\r\n\r\n");
    g_assert_cmpint(status_of(answer), ==, 200);
  }
  return NULL;
}

static void test_concurrency(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  GThread *threads[8];
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("hammer", hammer, fixture);
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
}

/* More requests at once than workers: all are answered. */
static void test_more_requests_than_workers(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  int fds[16];
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    fds[i] = fixture_connect(fixture);
    send_text(fds[i], "GET /GetKey?path=slow HTTP/1.1\r\n\r\n");
  }
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    g_autofree char *answer = read_answer(fds[i]);
    g_assert_cmpint(status_of(answer), ==, 200);
    close(fds[i]);
  }
}

/* At the bound the longest idle connection makes room for a new one. */
static void test_eviction(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *path = g_build_filename(fixture->dir, "small", NULL);
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  g_autoptr(PrpcServer) small = prpc_server_new(1, 3, &error);
  g_assert_cmpuint(prpc_server_listen(small, url, fixture->router, NULL, &error), >, 0);
  prpc_server_start(small);
  g_free(fixture->unix_path);
  fixture->unix_path = g_strdup(path);
  int idle[6];
  for (gsize i = 0; i < G_N_ELEMENTS(idle); i++)
    idle[i] = fixture_connect(fixture);
  g_autofree char *answer = exchange(fixture, "GET /hello HTTP/1.1\r\n\r\n");
  g_assert_cmpint(status_of(answer), ==, 200);
  char byte;
  g_assert_cmpint(recv(idle[0], &byte, 1, 0), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS(idle); i++)
    close(idle[i]);
}

/* ---- listeners ---- */

static void test_listeners(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Fixture) fixture = fixture_new();
  g_assert_cmpuint(prpc_server_listen(fixture->server, fixture->unix_url, fixture->router, NULL, &error), ==, 0);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS);
  g_clear_error(&error);
  for (const char *const *bad = (const char *const[]){"", "unix:", "localhost:1", "1.2.3.4", "1.2.3.4:65536", "[::1]",
                                                      "vsock:1", "vsock:x:1", "[1.2.3.4]:1", "1.2.3.4:-1", NULL};
       *bad; bad++) {
    g_assert_cmpuint(prpc_server_listen(fixture->server, *bad, fixture->router, NULL, &error), ==, 0);
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_clear_error(&error);
  }
  struct stat st;
  g_assert_cmpint(stat(fixture->unix_path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 0777, ==, 0600);
  int fd = fixture_connect(fixture);
  send_text(fd, "GET /hello HTTP/1.1\r\n\r\n");
  g_free(read_answer(fd));
  prpc_server_unlisten(fixture->server, fixture->unix_listener);
  char byte;
  g_assert_cmpint(recv(fd, &byte, 1, 0), ==, 0);
  close(fd);
  g_assert_cmpint(access(fixture->unix_path, F_OK), !=, 0);
  PrpcListenOptions options = {.unix_mode = 0666, .act_as_vsock_cid = 77};
  g_assert_cmpuint(prpc_server_listen(fixture->server, fixture->unix_url, fixture->router, &options, &error), >, 0);
  g_assert_no_error(error);
  g_assert_cmpint(stat(fixture->unix_path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 0777, ==, 0666);
  g_autofree char *answer = exchange(fixture, "POST /GetKey HTTP/1.1\r\nContent-Length: 6\r\n\r\n\x0a\x04peer");
  g_assert_nonnull(strstr(answer, "2 77 vsock:77"));
}

/* A socket left behind by a killed process is replaced; anything else in its place is not. */
static void test_stale_socket(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *path = g_build_filename(fixture->dir, "stale", NULL);
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  close(fd);
  guint listener = prpc_server_listen(fixture->server, url, fixture->router, NULL, &error);
  g_assert_no_error(error);
  prpc_server_unlisten(fixture->server, listener);
  g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
  g_assert_cmpuint(prpc_server_listen(fixture->server, url, fixture->router, NULL, &error), ==, 0);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS);
}

static void test_adopted_socket(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *path = g_build_filename(fixture->dir, "adopted", NULL);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  PrpcListenOptions options = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
  g_assert_cmpint(bind(options.fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpuint(prpc_server_listen(fixture->server, "activated", fixture->router, &options, &error), ==, 0);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  options.fd = socket(AF_UNIX, SOCK_STREAM, 0);
  unlink(path);
  g_assert_cmpint(bind(options.fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(options.fd, 5), ==, 0);
  g_assert_cmpuint(prpc_server_listen(fixture->server, "activated", fixture->router, &options, &error), >, 0);
  g_free(fixture->unix_path);
  fixture->unix_path = g_strdup(path);
  g_autofree char *answer = exchange(fixture, "GET /hello HTTP/1.1\r\n\r\n");
  g_assert_cmpint(status_of(answer), ==, 200);
}

/* ---- filters ---- */

static gboolean only_with_token(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  if (g_strcmp0(prpc_http_header(request, "Authorization"), "Bearer t") == 0)
    return TRUE;
  prpc_http_reply(request, 401, "text/plain", "token", 5, NULL);
  return FALSE;
}

static void test_filter(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  prpc_router_filter(fixture->router, only_with_token, NULL);
  static const Case cases[] = {
      {"GET /hello HTTP/1.1\r\n\r\n", 401, "\r\n\r\ntoken"},
      {"GET /no/pe HTTP/1.1\r\n\r\n", 401, NULL},
      {"POST /GetKey?json HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 401, "\r\nconnection: close\r\n"},
      {"GET /no/pe HTTP/1.1\r\nAuthorization: Bearer t\r\n\r\n", 404, NULL},
      {"POST /no/pe HTTP/1.1\r\nAuthorization: Bearer t\r\nContent-Length: 2\r\n\r\n{}", 404, NULL},
      {"POST /GetKey?json HTTP/1.1\r\nAuthorization: Bearer t\r\nContent-Length: 2\r\n\r\n{}", 200, NULL},
      {"GET /hello HTTP/1.1\r\nauthorization: Bearer t\r\n\r\n", 200, NULL},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *answer = exchange(fixture, cases[i].request);
    g_assert_cmpint(status_of(answer), ==, cases[i].status);
    g_assert_true(!cases[i].expected || strstr(answer, cases[i].expected));
  }
}

/* A stop lets the running request finish. */
static void test_stop(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  int fd = fixture_connect(fixture), idle = fixture_connect(fixture);
  send_text(fd, "GET /GetKey?path=slow HTTP/1.1\r\n\r\n");
  g_usleep(50000);
  gint64 start = g_get_monotonic_time();
  prpc_server_stop(fixture->server);
  g_autofree char *answer = read_to_end(fd);
  g_assert_cmpint(status_of(answer), ==, 200);
  g_assert_nonnull(strstr(answer, "connection: close"));
  g_assert_cmpint(g_get_monotonic_time() - start, <, G_TIME_SPAN_SECOND);
  close(fd);
  close(idle);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/server/conformance", test_conformance);
  g_test_add_func("/prpc/server/encodings", test_encodings);
  g_test_add_func("/prpc/server/paths", test_paths);
  g_test_add_func("/prpc/server/headers", test_headers);
  g_test_add_func("/prpc/server/malformed", test_malformed);
  g_test_add_func("/prpc/server/keep-alive", test_keep_alive);
  g_test_add_func("/prpc/server/quick-methods", test_quick_methods);
  g_test_add_func("/prpc/server/drip", test_drip);
  g_test_add_func("/prpc/server/body-limits", test_body_limits);
  g_test_add_func("/prpc/server/expect", test_expect);
  g_test_add_func("/prpc/server/stream", test_stream);
  g_test_add_func("/prpc/server/streams-do-not-starve", test_streams_do_not_starve);
  g_test_add_func("/prpc/server/concurrency", test_concurrency);
  g_test_add_func("/prpc/server/more-requests-than-workers", test_more_requests_than_workers);
  g_test_add_func("/prpc/server/eviction", test_eviction);
  g_test_add_func("/prpc/server/listeners", test_listeners);
  g_test_add_func("/prpc/server/stale-socket", test_stale_socket);
  g_test_add_func("/prpc/server/adopted-socket", test_adopted_socket);
  g_test_add_func("/prpc/server/filter", test_filter);
  g_test_add_func("/prpc/server/stop", test_stop);
  return g_test_run();
}
