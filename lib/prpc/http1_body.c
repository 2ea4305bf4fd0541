#include "prpc/http1.h"

#include <string.h>

#define MAX_CHUNK_LINE 256
#define MAX_SIZE_DIGITS 12

enum {
  STATE_FLAT,
  STATE_SIZE,
  STATE_EXTENSION,
  STATE_SIZE_LF,
  STATE_DATA,
  STATE_DATA_CR,
  STATE_DATA_LF,
  STATE_TRAILER_START,
  STATE_TRAILER,
  STATE_TRAILER_LF,
  STATE_END_LF,
  STATE_DONE
};

void http1_body_init(Http1Body *body, const Http1Head *head, gsize max) {
  *body = (Http1Body){.chunked = head->chunked, .max = max, .content = g_byte_array_new()};
  body->state = head->chunked ? STATE_SIZE : STATE_FLAT;
  body->left = head->chunked ? 0 : head->content_length;
}

void http1_body_clear(Http1Body *body) { g_clear_pointer(&body->content, g_byte_array_unref); }

GBytes *http1_body_take(Http1Body *body) { return g_byte_array_free_to_bytes(g_steal_pointer(&body->content)); }

/* Copies as much as the current chunk has. */
static gsize copy_content(Http1Body *body, const guint8 *data, gsize len) {
  gsize n = (gsize)MIN(body->left, (guint64)len);
  g_byte_array_append(body->content, data, (guint)n);
  body->left -= n;
  return n;
}

static Http1BodyStatus feed_flat(Http1Body *body, const guint8 *data, gsize len, gsize *used) {
  *used = 0;
  if (body->left > body->max - body->content->len)
    return HTTP1_BODY_TOO_LARGE;
  *used = copy_content(body, data, len);
  return body->left ? HTTP1_BODY_MORE : HTTP1_BODY_DONE;
}

static Http1BodyStatus expect_char(Http1Body *body, char c, char expected, guint8 next) {
  body->state = next;
  return c == expected ? HTTP1_BODY_MORE : HTTP1_BODY_MALFORMED;
}

static Http1BodyStatus size_char(Http1Body *body, char c) {
  int digit = g_ascii_xdigit_value(c);
  if (digit >= 0) {
    body->left = body->left << 4 | (guint)digit;
    return ++body->size_digits <= MAX_SIZE_DIGITS ? HTTP1_BODY_MORE : HTTP1_BODY_TOO_LARGE;
  }
  if (body->size_digits == 0 || (c != ';' && c != '\r'))
    return HTTP1_BODY_MALFORMED;
  body->state = c == ';' ? STATE_EXTENSION : STATE_SIZE_LF;
  return HTTP1_BODY_MORE;
}

static Http1BodyStatus size_end(Http1Body *body, char c) {
  Http1BodyStatus status = expect_char(body, c, '\n', body->left ? STATE_DATA : STATE_TRAILER_START);
  body->line_len = body->size_digits = 0;
  if (status == HTTP1_BODY_MORE && body->left > body->max - body->content->len)
    return HTTP1_BODY_TOO_LARGE;
  return status;
}

static Http1BodyStatus line_char(Http1Body *body, char c, guint8 at_end, guint limit) {
  if (c == '\r')
    body->state = at_end;
  else if (((guchar)c < 0x20 && c != '\t') || c == 0x7f || ++body->line_len > limit)
    return HTTP1_BODY_MALFORMED;
  return HTTP1_BODY_MORE;
}

/* One byte of a chunked body's framing. */
static Http1BodyStatus framing_char(Http1Body *body, char c) {
  switch (body->state) {
  case STATE_SIZE:
    return size_char(body, c);
  case STATE_EXTENSION:
    return line_char(body, c, STATE_SIZE_LF, MAX_CHUNK_LINE);
  case STATE_SIZE_LF:
    return size_end(body, c);
  case STATE_DATA_CR:
    return expect_char(body, c, '\r', STATE_DATA_LF);
  case STATE_DATA_LF:
    return expect_char(body, c, '\n', STATE_SIZE);
  case STATE_TRAILER_START:
    body->state = STATE_TRAILER;
    return line_char(body, c, STATE_END_LF, HTTP1_MAX_TRAILERS);
  case STATE_TRAILER:
    return line_char(body, c, STATE_TRAILER_LF, HTTP1_MAX_TRAILERS);
  case STATE_TRAILER_LF:
    return expect_char(body, c, '\n', STATE_TRAILER_START);
  default:
    return expect_char(body, c, '\n', STATE_DONE);
  }
}

static Http1BodyStatus feed_chunked(Http1Body *body, const guint8 *data, gsize len, gsize *used) {
  Http1BodyStatus status = HTTP1_BODY_MORE;
  gsize at = 0;
  while (at < len && status == HTTP1_BODY_MORE && body->state != STATE_DONE) {
    if (body->state == STATE_DATA) {
      at += copy_content(body, data + at, len - at);
      if (body->left == 0)
        body->state = STATE_DATA_CR;
    } else {
      status = framing_char(body, (char)data[at++]);
    }
  }
  *used = at;
  return status == HTTP1_BODY_MORE && body->state == STATE_DONE ? HTTP1_BODY_DONE : status;
}

Http1BodyStatus http1_body_feed(Http1Body *body, const guint8 *data, gsize len, gsize *used) {
  return body->chunked ? feed_chunked(body, data, len, used) : feed_flat(body, data, len, used);
}
