/* Tests of the server: the convention's conformance lines and error shapes, HTTP behaviour, hostile and slow clients. */
#include "fixture.h"

#include "base/error.h"

#include <string.h>
#include <sys/socket.h>
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
    g_test_message("%s -> %s", cases[i].request, answer);
    g_assert_cmpint(status_of(answer), ==, cases[i].status);
    if (cases[i].expected)
      g_assert_nonnull(strstr(answer, cases[i].expected));
  }
}

/* hex of "a|b" and so on is what the test's GetKey answers */
static void test_conformance(void) {
  static const Case cases[] = {
      {"POST /Nope HTTP/1.1\r\n" JSON_TYPE "Content-Length: 2\r\n\r\n{}", 400, UNKNOWN_ERROR},
      {"POST /Info HTTP/1.1\r\n\r\n", 200, "content-type: application/octet-stream\r\n"},
      {"GET /GetKey?path=a&purpose=b HTTP/1.1\r\nHost: x\r\n\r\n", 200, "\r\n\r\n{\"key\":\"617c62\",\"signature_chain\":[]}"},
      {"GET /GetKey?path=/&path=/ HTTP/1.1\r\n\r\n", 400, "path: given twice"},
      {"GET / HTTP/1.1\r\n\r\n", 422, "<h1>422"},
      {"GET /prpc/ HTTP/1.1\r\n\r\n", 422, NULL},
      {"GET /Info/ HTTP/1.1\r\n\r\n", 404, "<h1>404"},
      {"POST /GetKey HTTP/1.1\r\n" JSON_TYPE "Content-Length: 13\r\n\r\n{\"path\":null}", 400, "path: "},
      {"POST /GetKey HTTP/1.1\r\n" JSON_TYPE "Content-Length: 7\r\n\r\n{\"x\":1}", 200, "{\"key\":\"7c\""},
      {"POST /EmitEvent?json HTTP/1.1\r\nContent-Length: 32\r\n\r\n{\"event\":\"a\",\"payload\":\"0xAB\"}  ", 200, "\r\n\r\nnull"},
      {"POST /EmitEvent?json HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"payload\":\"abc\"}", 400, "payload: "},
      {"POST /GetKey?json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n{\"pa\r\n9\r\nth\":\"ab\"}\r\n0\r\nA: b\r\n\r\n", 200, "61627c"},
  };
  check_cases(cases, G_N_ELEMENTS(cases));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/server/conformance", test_conformance);
  return g_test_run();
}
