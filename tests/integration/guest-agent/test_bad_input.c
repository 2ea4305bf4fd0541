/* Whatever the app's sockets are sent, it is answered as the convention says, and the agent goes on serving. */
#include "harness.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define JSON "application/json"
#define ERROR_START "{\n  \"error\": \""

static void assert_serves(void) {
  simulator_assert_http("dstack.sock", "GET", "/GetKey?path=/&purpose=test", NULL, NULL, 200,
                        "{\"key\":\"082d197907da848f");
}

static void test_requests(void) {
  g_autofree char *report_data_65 = g_strnfill(130, '0'), *report_data_64 = g_strnfill(128, '0');
  g_autofree char *quote_65 = g_strdup_printf("{\"report_data\":\"%s\"}", report_data_65);
  g_autofree char *quote_64 = g_strdup_printf("{\"report_data\":\"%s\"}", report_data_64);
  const struct {
    const char *method, *type, *body;
    int status;
    const char *start;
  } rows[] = {
      {"/GetQuote", JSON, quote_64, 200, "{\"quote\":\"0400"},
      {"/GetQuote", JSON, quote_65, 400, ERROR_START "report_data is longer than 64 bytes"},
      {"/Attest", JSON, quote_65, 400, ERROR_START "report_data is longer than 64 bytes"},
      {"/GetQuote", JSON, "{\"report_data\":\"zz\"}", 400, ERROR_START},
      {"/GetQuote", JSON, "{\"report_data\":\"0\"}", 400, ERROR_START},
      {"/GetQuote", JSON, "{\"report_data\":5}", 400, ERROR_START},
      {"/GetQuote", JSON, "{\"report_data\":null}", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"\"}", 200, "{\"key\":\"38309afef2058aef"},
      {"/GetKey", JSON, "", 200, "{\"key\":\"38309afef2058aef"},
      {"/GetKey", JSON, "null", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"a\\u0000b\"}", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"\\ud800\"}", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"\xff\"}", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"a\",\"path\":\"b\"}", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"a\"", 400, ERROR_START},
      {"/GetKey", JSON, "{\"path\":\"a\"} x", 400, ERROR_START},
      {"/GetKey", JSON, "\xef\xbb\xbf{}", 400, ERROR_START},
      {"/GetKey", JSON, "{\"algorithm\":\"rsa\"}", 400, ERROR_START "unsupported algorithm"},
      {"/GetKey", JSON, "{\"algorithm\":\"secp256k1_prehashed\"}", 400, ERROR_START "unsupported algorithm"},
      {"/GetKey", "text/json", "{}", 400, "\x0a"},
      {"/GetKey", "application/ld+json", "{}", 400, "\x0a"},
      {"/GetKey", "application/x-www-form-urlencoded", "{\"path\":\"/\"}", 400, "\x0a"},
      {"/GetKey", "application/jsonx", "{}", 400, "\x0a"},
      {"/GetKey", "APPLICATION/JSON; charset=utf-8", "{}", 200, "{\"key\":\"38309afef2058aef"},
      {"/GetKey?json=0", NULL, "{}", 400, "\x0a"},
      {"/GetQuote", JSON, "{\"report_data\":\"0X00\"}", 400, ERROR_START},
      {"/GetQuote", JSON, "{\"report_data\":\" 00\"}", 400, ERROR_START},
      {"/Nope", NULL, "", 400,
       "\x0a\x17"
       "service not found: Nope"},
      {"/GetKey", NULL,
       "\x0a\x05"
       "abc",
       400, "\x0a"},
      {"/getkey", JSON, "{}", 400, ERROR_START "service not found: getkey"},
      {"/DstackGuest.GetKey", JSON, "{}", 400, ERROR_START "service not found"},
      {"/EmitEvent", JSON, "{\"event\":\"a:b\",\"payload\":\"\"}", 400, ERROR_START},
      {"/EmitEvent", JSON, "{\"event\":\"\",\"payload\":\"\"}", 400, ERROR_START},
      {"/Sign", JSON, "{\"algorithm\":\"\",\"data\":\"00\"}", 400, ERROR_START "unsupported algorithm"},
      {"/Sign", JSON, "{\"algorithm\":\"secp256k1_prehashed\",\"data\":\"00\"}", 400, ERROR_START},
      {"/Verify", JSON, "{\"algorithm\":\"ed25519\",\"data\":\"\",\"signature\":\"\",\"public_key\":\"\"}", 400,
       ERROR_START},
      {"/GetTlsKey", JSON, "{\"alt_names\":[\"\xc3\xbc\"]}", 400, ERROR_START},
      {"/GetTlsKey", JSON, "{\"not_before\":5,\"not_after\":5}", 400, ERROR_START},
      {"/GetTlsKey", JSON, "{\"not_after\":999999999999999}", 400, ERROR_START},
      {"/GetTlsKey", JSON, "{\"not_after\":-1}", 400, ERROR_START},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    simulator_assert_http("dstack.sock", "POST", rows[i].method, rows[i].type, rows[i].body, rows[i].status,
                          rows[i].start);
  assert_serves();
}

/* The services of the other sockets answer in the same way. */
static void test_other_sockets(void) {
  g_autofree char *zeros = g_strnfill(130, '0');
  g_autofree char *raw_65 = g_strdup_printf("{\"report_data\":\"%s\"}", zeros);
  g_autofree char *raw_63 = g_strdup_printf("{\"report_data\":\"%.126s\"}", zeros);
  const struct {
    const char *socket, *method, *type, *body;
    const char *start;
  } rows[] = {
      {"tappd.sock", "/prpc/Tappd.RawQuote", JSON, raw_65, ERROR_START},
      {"tappd.sock", "/prpc/Tappd.RawQuote", JSON, raw_63, ERROR_START},
      {"tappd.sock", "/prpc/Tappd.TdxQuote", JSON, "{\"hash_algorithm\":\"md5\"}", ERROR_START},
      {"tappd.sock", "/prpc/Tappd.TdxQuote", JSON, "{\"report_data\":\"zz\"}", ERROR_START},
      {"tappd.sock", "/prpc/Tappd.DeriveKey", JSON, "{\"path\":", ERROR_START},
      {"tappd.sock", "/prpc/Tappd.DeriveK256Key", JSON, "{\"algorithm\":\"rsa\"}", ERROR_START "unsupported algorithm"},
      {"tappd.sock", "/prpc/Tappd.GetKey", JSON, "{}", ERROR_START "service not found: GetKey"},
      {"tappd.sock", "/prpc/DeriveKey", NULL, "\x0a\x02\xff\xff", "\x0a"},
      {"external.sock", "/prpc/Worker.GetAttestationForAppKey", JSON, "{}", ERROR_START "unsupported algorithm"},
      {"external.sock", "/prpc/GetKey", JSON, "{}", ERROR_START "service not found: GetKey"},
      {"guest.sock", "/api/GetKey", JSON, "{}", ERROR_START "service not found: GetKey"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    simulator_assert_http(rows[i].socket, "POST", rows[i].method, rows[i].type, rows[i].body, 400, rows[i].start);
  assert_serves();
}

static void test_queries(void) {
  static const struct {
    const char *path;
    int status;
  } rows[] = {
      {"/GetKey?path=/&path=/", 400},
      {"/GetKey?x=1&x=2", 400},
      {"/GetKey?path=%ff", 400},
      {"/GetKey?path=a%00b", 400},
      {"/GetQuote?report_data=zz", 400},
      {"/GetTlsKey?alt_names=a", 400},
      {"/GetTlsKey?usage_ra_tls=1", 400},
      {"/GetTlsKey?alt_names[0]=a&alt_names[0]=b", 400},
      {"/GetTlsKey?not_after=x", 400},
      {"/GetKey/", 404},
      {"/GetKey/x", 404},
      {"/", 422},
      {"/GetKey?path=&purpose=&x&&", 200},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
    simulator_assert_http("dstack.sock", "GET", rows[i].path, NULL, NULL, rows[i].status, "");
  assert_serves();
}

/* A payload of 64 KiB is an event, one byte more is none. */
static void test_event_sizes(void) {
  for (gsize over = 0; over < 2; over++) {
    g_autofree char *payload = g_strnfill(2 * (65536 + over), '0');
    g_autofree char *body = g_strdup_printf("{\"event\":\"large\",\"payload\":\"%s\"}", payload);
    simulator_assert_http("dstack.sock", "POST", "/EmitEvent", JSON, body, over ? 400 : 200,
                          over ? ERROR_START : "null");
  }
  simulator_assert_http("dstack.sock", "POST", "/GetQuote", JSON, "{}", 200, "{\"quote\":");
}

static void test_huge_paths(void) {
  g_autofree char *path = g_strnfill(5 << 20, 'p');
  g_autofree char *body = g_strdup_printf("{\"path\":\"%s\"}", path);
  simulator_assert_http("dstack.sock", "POST", "/GetKey", JSON, body, 200, "{\"key\":\"");
  g_autofree char *full = g_strnfill(10 << 20, ' '); /* the most a body may have */
  memcpy(full, "{}", 2);
  simulator_assert_http("dstack.sock", "POST", "/GetKey", JSON, full, 200, "{\"key\":\"38309afef2058aef");
  g_autofree char *over = g_strnfill((10 << 20) + 1, ' ');
  simulator_assert_http("dstack.sock", "POST", "/GetKey", JSON, over, 400, ERROR_START "payload too large");
  simulator_assert_http("dstack.sock", "POST", "/GetKey", NULL, over, 400,
                        "\x0a\x11"
                        "payload too large");
  g_autofree char *url = g_strdup_printf("/GetKey?path=%.*s", 20000, path);
  simulator_assert_http("dstack.sock", "GET", url, NULL, NULL, 414, "");
  assert_serves();
}

static void assert_raw(const char *request, int status) {
  g_autofree char *answer = simulator_exchange("dstack.sock", request, strlen(request));
  if (!g_str_has_prefix(answer, "HTTP/1.1 ") || atoi(answer + 9) != status)
    g_error("%s -> %s", request, answer);
}

static void test_http(void) {
  assert_raw("POST /GetKey HTTP/1.1\r\nContent-Type: " JSON "\r\nContent-Length: 2\r\n\r\n{}", 200); /* no Host */
  assert_raw("POST http://localhost/GetKey HTTP/1.1\r\nContent-Type: " JSON "\r\nContent-Type: " JSON
             "\r\nContent-Length: 2\r\n\r\n{}",
             200);
  assert_raw(
      "POST /GetKey HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: " JSON "\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200);
  assert_raw("POST /GetKey HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: " JSON "\r\n\r\nfffffff\r\n{}", 400);
  assert_raw("POST /GetKey HTTP/1.1\r\nContent-Type: " JSON "\r\nContent-Length: 10485761\r\n\r\n", 400);
  assert_raw("GET /Version HTTP/1.0\r\n\r\n", 200);
  assert_raw("GET /prpc/Tappd.Info HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
  assert_raw("DELETE /GetKey HTTP/1.1\r\n\r\n", 404);
  assert_raw("GET /GetKey HTTP/3.0\r\n\r\n", 505);
  assert_raw("GET /Get Key HTTP/1.1\r\n\r\n", 400);
  assert_raw("POST /GetKey HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400);
  assert_raw("POST /GetKey HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501);
  assert_raw("POST /GetKey HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
  assert_serves();
}

/* ---- ten thousand idle connections ---- */

#define IDLE_CLIENTS 10000

/* Only system calls after the fork. */
static pid_t start_idle_clients(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_autofree char *path = simulator_path("dstack.sock");
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int ready[2];
  g_assert_cmpint(pipe(ready), ==, 0);
  pid_t pid = fork();
  if (pid == 0) {
    char ok = 1;
    for (int i = 0; i < IDLE_CLIENTS && ok; i++) {
      int fd = socket(AF_UNIX, SOCK_STREAM, 0);
      ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    }
    if (write(ready[1], &ok, 1) == 1)
      pause();
    _exit(0);
  }
  char ok = 0;
  g_assert_cmpint(read(ready[0], &ok, 1), ==, 1);
  g_assert_cmpint(ok, ==, 1);
  close(ready[0]);
  close(ready[1]);
  return pid;
}

/* ---- requests without their bodies on the public port ---- */

#define HALF_BODIES 1100 /* more than the agent has places */

/* The public port takes no place of the app's sockets or the host's, and has one for an honest caller. */
static void test_half_bodies(void) {
  static const char half[] = "POST /prpc/Worker.Info HTTP/1.1\r\nContent-Length: 100\r\n\r\n";
  int fds[HALF_BODIES];
  for (int i = 0; i < HALF_BODIES; i++) {
    fds[i] = simulator_connect("external.sock");
    (void)send(fds[i], half, strlen(half), MSG_NOSIGNAL); /* an earlier one may be closed by now */
  }
  for (int i = 0; i < 20; i++) {
    assert_serves();
    simulator_assert_http("tappd.sock", "GET", "/prpc/Tappd.Version", NULL, NULL, 200, "{\"version\"");
    simulator_assert_http("guest.sock", "GET", "/api/Info", NULL, NULL, 200, "{");
    simulator_assert_http("external.sock", "GET", "/prpc/Worker.Version", NULL, NULL, 200, "{\"version\"");
  }
  for (int i = 0; i < HALF_BODIES; i++)
    close(fds[i]);
}

static guint64 resident_kib(void) {
  g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)simulator_pid());
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return g_ascii_strtoull(strstr(text, "VmRSS:") + strlen("VmRSS:"), NULL, 10);
}

static void test_idle_clients(void) {
  guint64 before = resident_kib();
  pid_t clients = start_idle_clients();
  for (int i = 0; i < 100; i++)
    assert_serves();
  g_test_message("resident: %" G_GUINT64_FORMAT " KiB before, %" G_GUINT64_FORMAT " KiB among idle clients", before,
                 resident_kib());
  simulator_assert_http("tappd.sock", "GET", "/prpc/Tappd.Version", NULL, NULL, 200, "{\"version\"");
  g_assert_cmpint(kill(clients, SIGKILL), ==, 0);
  g_assert_cmpint(waitpid(clients, NULL, 0), ==, clients);
  assert_serves();
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  simulator_set_up();
  simulator_start();
  g_test_add_func("/bad-input/requests", test_requests);
  g_test_add_func("/bad-input/other-sockets", test_other_sockets);
  g_test_add_func("/bad-input/queries", test_queries);
  g_test_add_func("/bad-input/event-sizes", test_event_sizes);
  g_test_add_func("/bad-input/huge-paths", test_huge_paths);
  g_test_add_func("/bad-input/http", test_http);
  g_test_add_func("/bad-input/half-bodies", test_half_bodies);
  g_test_add_func("/bad-input/idle-clients", test_idle_clients);
  int status = g_test_run();
  simulator_stop(SIGTERM);
  simulator_tear_down();
  return status;
}
