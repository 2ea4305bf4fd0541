/* The pages anybody may see, of a simulator whose Docker daemon is a double of a few lines. */
#include "harness.h"

#include "base/error.h"
#include "guest_agent.pb-c.h"
#include "prpc/server.h"
#include "tdx/quote.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Docker ---- */

static const char list[] = "[{\"Id\":\"1\",\"Names\":[\"/web-1\"],\"Image\":\"nginx\",\"ImageID\":\"x\",\"Created\":5,"
                           "\"State\":\"running\",\"Status\":\"Up <b>5</b> minutes\"}]";
static GMutex query_lock;
static char *last_query; /* under query_lock: several workers answer at once */
static gint may_go_on;   /* atomic */

static void reply_json(PrpcHttpRequest *request, int status, const char *json) {
  prpc_http_reply(request, status, "application/json", json, strlen(json), NULL);
}

static void write_frame(PrpcHttpRequest *request, guint8 channel, const char *text) {
  guint8 head[8] = {channel, 0, 0, 0, 0, 0, 0, (guint8)strlen(text)};
  prpc_http_stream_write(request, head, sizeof head);
  prpc_http_stream_write(request, text, strlen(text));
}

static void follow(PrpcHttpRequest *request) {
  write_frame(request, 1, "before\n");
  for (int i = 0; i < 1000 && !g_atomic_int_get(&may_go_on); i++)
    g_usleep(10000);
  write_frame(request, 1, "after\n");
}

static void logs(PrpcHttpRequest *request) {
  prpc_http_stream_start(request, 200, "application/vnd.docker.raw-stream");
  if (strstr(prpc_http_query(request), "follow=true"))
    follow(request);
  else if (strstr(prpc_http_path(request), "/tty/"))
    prpc_http_stream_write(request, "a terminal\nsays\n", 16);
  else if (strstr(prpc_http_path(request), "/broken/"))
    prpc_http_stream_write(request, "\1\0\0\0\xff\0\0\0x", 9);
  else {
    write_frame(request, 1, "\x1b[32mgr\xc3\xbcn\x1b[0m\n");
    write_frame(request, 2, "\xff<b>\n");
  }
  prpc_http_stream_end(request);
}

static void remember_query(const char *query) {
  g_mutex_lock(&query_lock);
  g_free(last_query);
  last_query = g_strdup(query);
  g_mutex_unlock(&query_lock);
}

static void assert_last_query(const char *expected) {
  g_mutex_lock(&query_lock);
  g_assert_cmpstr(last_query, ==, expected);
  g_mutex_unlock(&query_lock);
}

static void docker(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  const char *path = prpc_http_path(request);
  remember_query(prpc_http_query(request));
  if (strcmp(path, "/containers/json") == 0)
    reply_json(request, 200, list);
  else if (strstr(path, "/missing/"))
    reply_json(request, 404, "{\"message\":\"No such container\"}");
  else if (g_str_has_suffix(path, "/json"))
    reply_json(request, 200, "{}");
  else if (strstr(path, "/unreadable/"))
    reply_json(request, 500, "{\"message\":\"configured logging driver does not support reading\"}");
  else
    logs(request);
}

static PrpcServer *start_docker(PrpcRouter *router) {
  g_autoptr(GError) error = NULL;
  g_autofree char *path = simulator_path("docker.sock");
  g_autofree char *url = g_strconcat("unix:", path, NULL), *host = g_strconcat("unix://", path, NULL);
  prpc_router_route(router, "GET", "/containers/*", 0, docker, NULL);
  PrpcServer *server = prpc_server_new(4, 100, &error);
  g_assert_cmpuint(prpc_server_listen(server, url, router, NULL, &error), >, 0);
  prpc_server_start(server);
  g_setenv("DOCKER_HOST", host, TRUE);
  return server;
}

/* ---- tests ---- */

static char *get(const char *path) {
  g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", path);
  return simulator_exchange("external.sock", request, strlen(request));
}

static void assert_answer(const char *path, int status, const char *part) {
  g_autofree char *answer = get(path);
  g_test_message("%s -> %s", path, answer);
  g_assert_cmpint(atoi(answer + strlen("HTTP/1.1 ")), ==, status);
  g_assert_nonnull(strstr(answer, part));
}

static void test_dashboard(void) {
  assert_answer("/", 200, "\r\ncontent-type: text/html; charset=utf-8\r\n");
  assert_answer("/", 200, "<tr><th>App Name</th><td>kvin-nb</td></tr>");
  assert_answer("/", 200, "<td>web-1</td><td>Up &lt;b&gt;5&lt;/b&gt; minutes</td>");
  assert_answer("/", 200, "TCB info is not public");
  assert_answer("/", 200, "\r\nX-App-Version: v");
  assert_answer("/nothing", 404, "\r\nX-App-Version: v");
}

static void test_metrics(void) {
  assert_answer("/metrics", 200, "\r\ncontent-type: text/plain; charset=utf-8\r\n");
  assert_answer("/metrics", 200, "# TYPE system_memory_total gauge\nsystem_memory_total ");
}

static void test_logs(void) {
  assert_answer("/logs/web-1", 200, "{\"channel\":\"stdout\",\"message\":\"G1szMm1ncsO8bhtbMG0K\"}\n");
  assert_last_query("stdout=true&stderr=true&follow=false&timestamps=false&tail=1000&since=0");
  assert_answer("/logs/web-1?text", 200, "{\"channel\":\"stdout\",\"message\":\"gr\\u00fcn\\n\"}\n");
  assert_answer("/logs/web-1?text", 200, "{\"channel\":\"stderr\",\"message\":\"\\ufffd<b>\\n\"}\n");
  assert_answer("/logs/web-1?text&bare", 200, "\r\ngr\xc3\xbcn\n\r\n");
  assert_answer("/logs/web-1?text&bare&ansi", 200, "\r\n\x1b[32mgr\xc3\xbcn\x1b[0m\n\r\n");
  assert_answer("/logs/web-1?text&tail=5&since=7&timestamps", 200, "\r\ntransfer-encoding: chunked\r\n");
  assert_last_query("stdout=true&stderr=true&follow=false&timestamps=true&tail=5&since=7");
  assert_answer("/logs/tty?text", 200, "{\"channel\":\"console\",\"message\":\"a terminal\\n\"}\n");
}

static void test_bad_logs(void) {
  assert_answer("/logs/", 422, "error");
  assert_answer("/logs/missing", 404, "{\"error\":\"no such container\"}");
  assert_answer("/logs/web-1?since=x", 400, "{\"error\":\"Invalid since\"}");
  assert_answer("/logs/web-1?until=1y", 400, "{\"error\":\"Invalid until\"}");
  assert_answer("/logs/web-1?follow=5", 422, "error");
  assert_answer("/logs/web-1?tail=5%26since%3d1", 400, "invalid tail");
  static const char *const names[] = {"/logs/web-1%2fjson", "/logs/..", "/logs/web-1%3fx", "/logs/web-1%23", "/logs/a/b",
                                      "/logs/%2e%2e%2fcontainers", "/logs/web%201", "/logs/web-1%25"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
    assert_answer(names[i], 400, "invalid container name");
  assert_answer("/logs/unreadable", 200, "{\"error\":\"docker answered with status 500: ");
  assert_answer("/logs/broken?text", 200, "{\"error\":\"a log frame of 4278190080 bytes is too long\"}");
}

/* What was written so far comes at once, not when the stream ends. */
static void test_followed_logs(void) {
  int fd = simulator_connect("external.sock");
  static const char request[] = "GET /logs/web-1?follow&text&bare HTTP/1.1\r\nConnection: close\r\n\r\n";
  g_assert_cmpint(send(fd, request, strlen(request), 0), ==, strlen(request));
  GString *all = g_string_new(NULL);
  char piece[4096];
  for (ssize_t n; !strstr(all->str, "before") && (n = recv(fd, piece, sizeof piece, 0)) > 0;)
    g_string_append_len(all, piece, n);
  g_assert_nonnull(strstr(all->str, "before\n"));
  g_assert_null(strstr(all->str, "after"));
  g_atomic_int_set(&may_go_on, TRUE);
  for (ssize_t n; (n = recv(fd, piece, sizeof piece, 0)) > 0;)
    g_string_append_len(all, piece, n);
  g_assert_nonnull(strstr(all->str, "after\n"));
  g_string_free(all, TRUE);
  close(fd);
}

/* More streams than there are places: the ones too many are told so, and the rest of the agent goes on. */
static void test_too_many_streams(void) {
  int fds[20];
  g_atomic_int_set(&may_go_on, FALSE);
  static const char request[] = "GET /logs/web-1?follow HTTP/1.1\r\n\r\n";
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    fds[i] = simulator_connect("external.sock");
    g_assert_cmpint(send(fds[i], request, strlen(request), 0), ==, strlen(request));
  }
  guint refused = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    char start[13] = "";
    g_assert_cmpint(recv(fds[i], start, 12, MSG_WAITALL), ==, 12);
    refused += strcmp(start, "HTTP/1.1 503") == 0;
  }
  g_assert_cmpuint(refused, ==, 4);
  simulator_assert_http("dstack.sock", "GET", "/Version", NULL, NULL, 200, "{\"version\"");
  g_atomic_int_set(&may_go_on, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
    close(fds[i]);
}

static void test_signing_quote(void) {
  DstackGuest__GetAttestationForAppKeyRequest args = DSTACK_GUEST__GET_ATTESTATION_FOR_APP_KEY_REQUEST__INIT;
  args.algorithm = (char *)"secp256k1";
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = simulator_call("external.sock", "/prpc", "GetAttestationForAppKey", &args.base,
                                                  &dstack_guest__get_quote_response__descriptor, &error);
  g_assert_no_error(error);
  const DstackGuest__GetQuoteResponse *answer = (const DstackGuest__GetQuoteResponse *)message;
  g_autoptr(GBytes) raw = g_bytes_new(answer->quote.data, answer->quote.len);
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(quote->td.report_data, 20, "dip1::secp256k1c-pk:", 20);
  g_assert_cmpmem(quote->td.report_data, 64, answer->report_data.data, answer->report_data.len);
  g_assert_cmpstr(answer->vm_config, ==, ""); /* the compose keeps it private */
  g_autoptr(PrpcMessage) again = simulator_call("external.sock", "/prpc", "GetAttestationForAppKey", &args.base,
                                                &dstack_guest__get_quote_response__descriptor, &error);
  const DstackGuest__GetQuoteResponse *same = (const DstackGuest__GetQuoteResponse *)again;
  g_assert_cmpmem(same->quote.data, same->quote.len, answer->quote.data, answer->quote.len);
  static const char *const others[] = {"", "secp256k1_prehashed", "rsa"};
  for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
    args.algorithm = (char *)others[i];
    g_autoptr(GError) refusal = NULL;
    g_assert_null(simulator_call("external.sock", "/prpc", "GetAttestationForAppKey", &args.base,
                                 &dstack_guest__get_quote_response__descriptor, &refusal));
    g_assert_nonnull(strstr(refusal->message, "unsupported algorithm"));
  }
}

static void test_without_docker(void) {
  assert_answer("/", 200, "<h2>Deployed Containers</h2>\n<table>\n<tr><th>Name</th><th>Status</th></tr>\n</table>");
  assert_answer("/logs/web-1", 502, "docker does not answer");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  simulator_set_up();
  PrpcRouter *router = prpc_router_new("docker");
  PrpcServer *server = start_docker(router);
  simulator_start();
  g_test_add_func("/public/dashboard", test_dashboard);
  g_test_add_func("/public/metrics", test_metrics);
  g_test_add_func("/public/logs", test_logs);
  g_test_add_func("/public/bad-logs", test_bad_logs);
  g_test_add_func("/public/followed-logs", test_followed_logs);
  g_test_add_func("/public/too-many-streams", test_too_many_streams);
  g_test_add_func("/public/signing-quote", test_signing_quote);
  int status = g_test_run();
  prpc_server_free(server);
  prpc_router_free(router);
  if (status == 0)
    test_without_docker();
  simulator_stop(SIGTERM);
  simulator_tear_down();
  g_free(last_query);
  return status;
}
