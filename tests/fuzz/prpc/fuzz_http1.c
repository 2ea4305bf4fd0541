/* The HTTP codec on requests and answers: it never reads outside, and what it understands does not depend on how the
 * bytes were cut into pieces. */
#include "prpc/http1.h"

#include <string.h>

#define MAX_BODY 100000

/* The head's length when `len` bytes come `step` at a time. */
static gssize head_length(const char *data, gsize len, gsize step) {
  gsize scanned = 0;
  for (gsize have = MIN(step, len);; have = MIN(have + step, len)) {
    gssize found = http1_head_length(data, have, &scanned);
    if (found != 0 || have == len)
      return found;
  }
}

/* Feeds the body `step` bytes at a time. */
static Http1BodyStatus feed(const Http1Head *head, const guint8 *data, gsize len, gsize step, GBytes **content,
                            gsize *consumed) {
  Http1Body body;
  http1_body_init(&body, head, MAX_BODY);
  Http1BodyStatus status = HTTP1_BODY_MORE;
  gsize at = 0;
  do {
    gsize used = 0;
    status = http1_body_feed(&body, data + at, MIN(step, len - at), &used);
    g_assert(used <= MIN(step, len - at));
    at += used;
  } while (status == HTTP1_BODY_MORE && at < len);
  *consumed = at;
  *content = http1_body_take(&body);
  g_assert(g_bytes_get_size(*content) <= MAX_BODY);
  return status;
}

static void check_body(const Http1Head *head, const guint8 *data, gsize len, gsize step) {
  g_autoptr(GBytes) whole = NULL, pieces = NULL;
  gsize whole_used, pieces_used;
  Http1BodyStatus whole_status = feed(head, data, len, MAX(len, 1), &whole, &whole_used);
  Http1BodyStatus pieces_status = feed(head, data, len, step, &pieces, &pieces_used);
  g_assert(whole_status == pieces_status && whole_used == pieces_used);
  g_assert(g_bytes_equal(whole, pieces));
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size < 2)
    return 0;
  gboolean is_answer = data[0] & 1;
  gsize step = data[1] ? data[1] : 1;
  const char *text = (const char *)data + 2;
  gsize len = size - 2;
  gssize head_len = head_length(text, len, len + 1);
  g_assert(head_len == head_length(text, len, step));
  if (head_len <= 0)
    return 0;
  int status = 0;
  g_autoptr(Http1Head) head =
      is_answer ? http1_answer_parse(text, (gsize)head_len) : http1_head_parse(text, (gsize)head_len, &status);
  g_assert(head || is_answer || (status >= 400 && status <= 505));
  if (head)
    check_body(head, data + 2 + head_len, len - (gsize)head_len, step);
  return 0;
}
