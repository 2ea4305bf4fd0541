#include "kms/wire.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INITIAL_CAPACITY 512
#define MAX_ERROR_TEXT 4096

struct WireBuffer {
  guint8 *data; /* type, then body */
  gsize len, capacity;
};

static WireBuffer *buffer_with_capacity(gsize capacity) {
  WireBuffer *buffer = g_new0(WireBuffer, 1);
  buffer->data = g_malloc(capacity);
  buffer->capacity = capacity;
  return buffer;
}

WireBuffer *wire_buffer_new(guint8 type) {
  WireBuffer *buffer = buffer_with_capacity(INITIAL_CAPACITY);
  wire_put_u8(buffer, type);
  return buffer;
}

WireBuffer *wire_buffer_parse(const void *frame, gsize len) {
  if (len == 0)
    return wire_buffer_new(WIRE_ERROR);
  WireBuffer *buffer = buffer_with_capacity(len);
  memcpy(buffer->data, frame, len);
  buffer->len = len;
  return buffer;
}

void wire_buffer_free(WireBuffer *buffer) {
  if (!buffer)
    return;
  secret_wipe(buffer->data, buffer->capacity);
  g_free(buffer->data);
  g_free(buffer);
}

guint8 wire_type(const WireBuffer *buffer) { return buffer->data[0]; }

Reader wire_body(const WireBuffer *buffer) { return reader_init(buffer->data + 1, buffer->len - 1); }

/* Not g_realloc(): it would leave a copy of what may be a key in freed memory. */
static void ensure_room(WireBuffer *buffer, gsize extra) {
  if (extra <= buffer->capacity - buffer->len)
    return;
  gsize capacity = MAX(buffer->capacity * 2, buffer->len + extra);
  guint8 *data = g_malloc(capacity);
  memcpy(data, buffer->data, buffer->len);
  secret_wipe(buffer->data, buffer->capacity);
  g_free(buffer->data);
  buffer->data = data;
  buffer->capacity = capacity;
}

void wire_put_fixed(WireBuffer *buffer, const void *data, gsize len) {
  ensure_room(buffer, len);
  if (len)
    memcpy(buffer->data + buffer->len, data, len);
  buffer->len += len;
}

void wire_put_u8(WireBuffer *buffer, guint8 value) { wire_put_fixed(buffer, &value, 1); }

void wire_put_u32(WireBuffer *buffer, guint32 value) {
  guint32 big_endian = GUINT32_TO_BE(value);
  wire_put_fixed(buffer, &big_endian, sizeof big_endian);
}

void wire_put_u64(WireBuffer *buffer, guint64 value) {
  guint64 big_endian = GUINT64_TO_BE(value);
  wire_put_fixed(buffer, &big_endian, sizeof big_endian);
}

void wire_put_blob(WireBuffer *buffer, const void *data, gsize len) {
  g_assert(len <= WIRE_MAX_FRAME);
  wire_put_u32(buffer, (guint32)len);
  wire_put_fixed(buffer, data, len);
}

void wire_put_bytes(WireBuffer *buffer, GBytes *bytes) {
  gsize len = 0;
  const void *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;
  wire_put_blob(buffer, data, len);
}

void wire_put_text(WireBuffer *buffer, const char *text) { wire_put_blob(buffer, text, strlen(text)); }

void wire_put_secret(WireBuffer *buffer, const Secret *secret) {
  wire_put_blob(buffer, secret_peek(secret), secret_len(secret));
}

static Reader get_blob(Reader *reader, gsize max) {
  guint32 len = reader_u32be(reader);
  if (len > max)
    reader_fail(reader);
  return reader_sub(reader, len);
}

GBytes *wire_get_bytes(Reader *reader, gsize max) {
  Reader blob = get_blob(reader, max);
  return g_bytes_new(blob.data, reader_remaining(&blob));
}

char *wire_get_text(Reader *reader, gsize max) {
  Reader blob = get_blob(reader, max);
  gsize len = reader_remaining(&blob);
  if (!g_utf8_validate((const char *)blob.data, (gssize)len, NULL)) {
    reader_fail(reader);
    return g_strdup("");
  }
  return g_strndup((const char *)blob.data, len);
}

Secret *wire_get_secret(Reader *reader, gsize max) {
  Reader blob = get_blob(reader, max);
  return secret_new(blob.data, reader_remaining(&blob));
}

static gboolean set_channel_error(GError **error, int errnum) {
  if (errnum == EAGAIN || errnum == EWOULDBLOCK)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "peer process did not take part in time");
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "peer process is gone");
  return FALSE;
}

static gboolean send_all(int fd, const guint8 *data, gsize len, GError **error) {
  while (len > 0) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return set_channel_error(error, errno);
    data += n;
    len -= (gsize)n;
  }
  return TRUE;
}

static gboolean receive_all(int fd, guint8 *data, gsize len, GError **error) {
  while (len > 0) {
    ssize_t n = recv(fd, data, len, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return set_channel_error(error, n == 0 ? EPIPE : errno);
    data += n;
    len -= (gsize)n;
  }
  return TRUE;
}

gboolean wire_send(int fd, const WireBuffer *buffer, GError **error) {
  if (buffer->len > WIRE_MAX_FRAME) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "message is larger than %d bytes", WIRE_MAX_FRAME);
    return FALSE;
  }
  guint32 length = GUINT32_TO_BE((guint32)buffer->len);
  return send_all(fd, (const guint8 *)&length, sizeof length, error) && send_all(fd, buffer->data, buffer->len, error);
}

WireBuffer *wire_receive(int fd, gsize max, GError **error) {
  guint32 length;
  if (!receive_all(fd, (guint8 *)&length, sizeof length, error))
    return NULL;
  length = GUINT32_FROM_BE(length);
  if (length == 0 || length > max) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "peer process sent a frame of %u bytes", length);
    return NULL;
  }
  g_autoptr(WireBuffer) buffer = buffer_with_capacity(length);
  if (!receive_all(fd, buffer->data, length, error))
    return NULL;
  buffer->len = length;
  return g_steal_pointer(&buffer);
}

static gboolean take_error(const WireBuffer *answer, GError **error) {
  Reader body = wire_body(answer);
  guint8 code = reader_u8(&body);
  g_autofree char *text = wire_get_text(&body, MAX_ERROR_TEXT);
  if (!reader_finish(&body, "error answer", error))
    return FALSE;
  if (code > DSTACK_ERROR_NOT_IMPLEMENTED)
    code = DSTACK_ERROR_INTERNAL;
  g_set_error_literal(error, DSTACK_ERROR, code, text);
  return FALSE;
}

WireBuffer *wire_call(int fd, const WireBuffer *request, gsize max, GError **error) {
  if (!wire_send(fd, request, error))
    return NULL;
  g_autoptr(WireBuffer) answer = wire_receive(fd, max, error);
  if (!answer)
    return NULL;
  return wire_require_ok(answer, error) ? g_steal_pointer(&answer) : NULL;
}

gboolean wire_require_ok(const WireBuffer *answer, GError **error) {
  return wire_type(answer) == WIRE_OK || take_error(answer, error);
}

WireBuffer *wire_error_answer(const GError *error) {
  WireBuffer *answer = wire_buffer_new(WIRE_ERROR);
  wire_put_u8(answer, error->domain == DSTACK_ERROR ? (guint8)error->code : DSTACK_ERROR_INTERNAL);
  g_autofree char *text = g_utf8_make_valid(error->message, -1);
  if (strlen(text) > MAX_ERROR_TEXT)
    *g_utf8_find_prev_char(text, text + MAX_ERROR_TEXT) = '\0';
  wire_put_text(answer, text);
  return answer;
}
