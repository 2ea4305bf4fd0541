/* Tests of the HTTP codec: what it takes, and every shape that could be read in two ways. */
#include "prpc/http1.h"
#include "prpc/uri.h"

#include <string.h>

static int parse_status(const char *text) {
  int status;
  g_autoptr(Http1Head) head = http1_head_parse(text, strlen(text), &status);
  return head ? 0 : status;
}

static void test_head(void) {
  const char *text = "\r\nPOST http://host/a?b HTTP/1.1\r\nHost: x\r\nX-Long:  a b \t\r\nEmpty:\r\nContent-Type: "
                     "a\r\ncontent-type: a\r\n"
                     "Content-Length: 7\r\nExpect: 100-Continue\r\n\r\n";
  int status;
  g_autoptr(Http1Head) head = http1_head_parse(text, strlen(text), &status);
  g_assert_nonnull(head);
  g_assert_cmpstr(head->method, ==, "POST");
  g_assert_cmpstr(head->target, ==, "http://host/a?b");
  g_assert_cmpstr(http1_header(head, "x-long"), ==, "a b");
  g_assert_cmpstr(http1_header(head, "empty"), ==, "");
  g_assert_null(http1_header(head, "y"));
  g_assert_cmpuint(head->content_length, ==, 7);
  g_assert_true(head->keep_alive && head->expect_continue && !head->chunked);
}

static void test_refused_heads(void) {
  static const struct {
    const char *text;
    int status;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", 0},
      {"GET / HTTP/1.0\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n", 0},
      {"GET /\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"GET / x HTTP/1.1\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\n\r\n", 400},
      {"G@T / HTTP/1.1\r\n\r\n", 400},
      {"GET /\x01 HTTP/1.1\r\n\r\n", 400},
      {"GET /\xc3\xa4 HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\n\n\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\n\r\n", 400},
      {"GET / http/1.1\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"GET / HTTP/1.2\r\n\r\n", 505},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nA: x\ry\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nA: x\ny\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n", 400},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    if (parse_status(cases[i].text) != cases[i].status)
      g_test_message("%s", cases[i].text);
    g_assert_cmpint(parse_status(cases[i].text), ==, cases[i].status);
  }
  const char with_nul[] = "GET / HTTP/1.1\r\nA: x\0y\r\n\r\n";
  int status;
  g_assert_null(http1_head_parse(with_nul, sizeof with_nul - 1, &status));
}

static void test_limits(void) {
  g_autofree char *long_path = g_strnfill(HTTP1_MAX_LINE, 'a');
  g_autofree char *long_line = g_strconcat("GET /", long_path, " HTTP/1.1\r\n\r\n", NULL);
  g_assert_cmpint(parse_status(long_line), ==, 414);
  GString *many = g_string_new("GET / HTTP/1.1\r\n");
  for (int i = 0; i < HTTP1_MAX_HEADERS; i++)
    g_string_append(many, "A: b\r\n");
  g_autofree char *enough = g_strconcat(many->str, "\r\n", NULL);
  g_autofree char *too_many = g_strconcat(many->str, "A: b\r\n\r\n", NULL);
  g_assert_cmpint(parse_status(enough), ==, 0);
  g_assert_cmpint(parse_status(too_many), ==, 431);
  g_string_free(many, TRUE);
  g_autofree char *endless = g_strnfill(HTTP1_MAX_HEAD + 1, 'a');
  gsize scanned = 0;
  g_assert_cmpint(http1_head_length(endless, HTTP1_MAX_HEAD, &scanned), ==, 0);
  g_assert_cmpint(http1_head_length(endless, HTTP1_MAX_HEAD + 1, &scanned), ==, -1);
}

/* The end is found wherever the pieces are cut. */
static void test_head_length(void) {
  static const char text[] = "\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nrest";
  const gssize expected = (gssize)strlen(text) - 4;
  for (gsize cut = 1; cut < strlen(text); cut++) {
    gsize scanned = 0;
    gssize first = http1_head_length(text, cut, &scanned);
    g_assert_cmpint(first, ==, (gssize)cut >= expected ? expected : 0);
    if (first == 0)
      g_assert_cmpint(http1_head_length(text, strlen(text), &scanned), ==, expected);
  }
}

typedef struct {
  const char *text;
  Http1BodyStatus status;
  const char *content;
} BodyCase;

static Http1BodyStatus feed(Http1Body *body, const char *text, gsize step, gsize *total) {
  Http1BodyStatus status = HTTP1_BODY_MORE;
  gsize len = strlen(text);
  *total = 0;
  while (status == HTTP1_BODY_MORE && *total < len) {
    gsize used;
    status = http1_body_feed(body, (const guint8 *)text + *total, MIN(step, len - *total), &used);
    *total += used;
  }
  return status;
}

static void test_chunked(void) {
  static const BodyCase cases[] = {
      {"0\r\n\r\n", HTTP1_BODY_DONE, ""},
      {"3\r\nabc\r\n0\r\n\r\n", HTTP1_BODY_DONE, "abc"},
      {"3;a=b\r\nabc\r\n002\r\nde\r\n0;x\r\nT: v\r\nU: w\r\n\r\n", HTTP1_BODY_DONE, "abcde"},
      {"A\r\n0123456789\r\n0\r\n\r\n", HTTP1_BODY_DONE, "0123456789"},
      {"3\r\nab", HTTP1_BODY_MORE, NULL},
      {"3\r\nabcd\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"3\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"3 \r\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {" 3\r\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"-3\r\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"0x3\r\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"\r\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"3;\x01\r\nabc\r\n", HTTP1_BODY_MALFORMED, NULL},
      {"0\r\n\rX", HTTP1_BODY_MALFORMED, NULL},
      {"B\r\n", HTTP1_BODY_TOO_LARGE, NULL},
      {"5\r\nabcde\r\n6\r\n", HTTP1_BODY_TOO_LARGE, NULL},
      {"ffffffffffffffff1\r\n", HTTP1_BODY_TOO_LARGE, NULL},
  };
  const Http1Head head = {.chunked = TRUE};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    for (gsize step = 1; step < 40; step += 19) {
      Http1Body body;
      gsize total;
      http1_body_init(&body, &head, 10);
      g_assert_cmpint(feed(&body, cases[i].text, step, &total), ==, cases[i].status);
      if (cases[i].content) {
        g_autoptr(GBytes) content = http1_body_take(&body);
        g_assert_cmpmem(g_bytes_get_data(content, NULL), g_bytes_get_size(content), cases[i].content,
                        strlen(cases[i].content));
      }
      http1_body_clear(&body);
    }
}

static void test_flat_body(void) {
  const Http1Head head = {.content_length = 5};
  Http1Body body;
  gsize total;
  http1_body_init(&body, &head, 5);
  g_assert_cmpint(feed(&body, "abcdeNEXT", 2, &total), ==, HTTP1_BODY_DONE);
  g_assert_cmpuint(total, ==, 5);
  http1_body_clear(&body);
  http1_body_init(&body, &head, 4);
  g_assert_cmpint(feed(&body, "a", 1, &total), ==, HTTP1_BODY_TOO_LARGE);
  http1_body_clear(&body);
}

static void test_answer(void) {
  const char *text = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n";
  g_autoptr(Http1Head) answer = http1_answer_parse(text, strlen(text));
  g_assert_cmpint(answer->status, ==, 404);
  g_assert_true(answer->has_length && answer->content_length == 3);
  for (const char *const *bad =
           (const char *const[]){"HTTP/1.1 20\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/2 200\r\n\r\n", "\r\n\r\n",
                                 "HTTP/1.1 200OK\r\n\r\n", "x", NULL};
       *bad; bad++)
    g_assert_null(http1_answer_parse(*bad, strlen(*bad)));
}

static void test_targets(void) {
  static const struct {
    const char *target, *path, *query;
  } cases[] = {
      {"/", "/", ""},
      {"/a", "/a", ""},
      {"/a?b=c", "/a", "b=c"},
      {"/a/", "/a/", ""},
      {"//a///b", "/a/b", ""},
      {"/a//", "/a/", ""},
      {"/%49nfo", "/Info", ""},
      {"/a%2fb", "/a%2Fb", ""},
      {"http://host/Info?x", "/Info", "x"},
      {"HTTPS://host", "/", ""},
      {"http://host?x", "/", "x"},
      {"/a%00", NULL, NULL},
      {"/a%ff", NULL, NULL},
      {"/a%4", NULL, NULL},
      {"/a#b", NULL, NULL},
      {"*", NULL, NULL},
      {"host:80", NULL, NULL},
      {"ftp://x/y", NULL, NULL},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = NULL, *query = NULL;
    g_assert_true(prpc_target_split(cases[i].target, &path, &query) == (cases[i].path != NULL));
    g_assert_cmpstr(path, ==, cases[i].path);
    g_assert_cmpstr(query, ==, cases[i].query);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/http1/head", test_head);
  g_test_add_func("/prpc/http1/refused-heads", test_refused_heads);
  g_test_add_func("/prpc/http1/limits", test_limits);
  g_test_add_func("/prpc/http1/head-length", test_head_length);
  g_test_add_func("/prpc/http1/chunked", test_chunked);
  g_test_add_func("/prpc/http1/flat-body", test_flat_body);
  g_test_add_func("/prpc/http1/answer", test_answer);
  g_test_add_func("/prpc/http1/targets", test_targets);
  return g_test_run();
}
