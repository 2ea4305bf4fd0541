#include "attacker.h"

#include "hole.h"
#include "key_traces.h"
#include "ratls/tls.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define ANSWER_MS 30000

Attacker *attacker_new(Kms *kms) {
  Attacker *attacker = g_new0(Attacker, 1);
  TlsClientOptions options = {.insecure_no_verify = TRUE};
  g_autoptr(SSL_CTX) tls = tls_client_context(&options, NULL);
  attacker->client = prpc_client_new(kms->url, NULL);
  prpc_client_set_tls(attacker->client, tls, FALSE);
  prpc_client_set_timeouts(attacker->client, ANSWER_MS, ANSWER_MS);
  attacker->loot = g_byte_array_new();
  return attacker;
}

void attacker_free(Attacker *attacker) {
  if (!attacker)
    return;
  prpc_client_free(attacker->client);
  g_byte_array_unref(attacker->loot);
  g_free(attacker);
}

static void put_u64(GByteArray *body, guint64 value) {
  value = GUINT64_TO_BE(value);
  g_byte_array_append(body, (const guint8 *)&value, sizeof value);
}

static GByteArray *operation(guint8 which) {
  GByteArray *body = g_byte_array_new();
  g_byte_array_append(body, &which, 1);
  return body;
}

/* NULL when the front is gone. */
static GBytes *exchange(Attacker *attacker, const GByteArray *body) {
  int status = 0;
  GBytes *answer = prpc_client_http(attacker->client, "POST", HOLE_PATH, "application/octet-stream", body->data,
                                    body->len, 2 * HOLE_MAX_PIECE, &status, NULL);
  if (!answer)
    return NULL;
  g_assert_cmpint(status, ==, 200);
  gsize len;
  const void *data = g_bytes_get_data(answer, &len);
  if (len)
    g_byte_array_append(attacker->loot, data, (guint)len);
  return answer;
}

/* `fallback` when the front is gone. */
static guint64 exchange_for_number(Attacker *attacker, const GByteArray *body, guint64 fallback) {
  g_autoptr(GBytes) answer = exchange(attacker, body);
  if (!answer)
    return fallback;
  Reader reader = reader_init_bytes(answer);
  guint64 number = reader_u64be(&reader);
  g_assert_true(reader_finish(&reader, "answer of the hole", NULL));
  return number;
}

gint64 attacker_call(Attacker *attacker, long number, const guint64 arguments[6]) {
  g_autoptr(GByteArray) body = operation(HOLE_CALL);
  put_u64(body, (guint64)number);
  for (guint i = 0; i < 6; i++)
    put_u64(body, arguments[i]);
  return (gint64)exchange_for_number(attacker, body, 0);
}

static guint64 allocate(Attacker *attacker, gsize len) {
  g_autoptr(GByteArray) body = operation(HOLE_ALLOCATE);
  put_u64(body, len);
  return exchange_for_number(attacker, body, 0);
}

guint64 attacker_put(Attacker *attacker, const void *data, gsize len) {
  guint64 address = allocate(attacker, len);
  g_autoptr(GByteArray) body = operation(HOLE_WRITE);
  put_u64(body, address);
  g_byte_array_append(body, data, (guint)len);
  g_autoptr(GBytes) answer = exchange(attacker, body);
  return address;
}

guint64 attacker_put_text(Attacker *attacker, const char *text) { return attacker_put(attacker, text, strlen(text) + 1); }

GBytes *attacker_get(Attacker *attacker, guint64 address, gsize len) {
  g_autoptr(GByteArray) body = operation(HOLE_READ);
  put_u64(body, address);
  put_u64(body, len);
  GBytes *answer = exchange(attacker, body);
  return answer ? answer : g_bytes_new(NULL, 0);
}

void attacker_take_memory(Attacker *attacker, GArray *mappings) {
  for (guint i = 0; i < mappings->len; i++) {
    const ProcessMapping *mapping = &g_array_index(mappings, ProcessMapping, i);
    for (gsize at = mapping->start, got = 1; at < mapping->end && got; at += got) {
      g_autoptr(GBytes) piece = attacker_get(attacker, at, MIN(mapping->end - at, HOLE_MAX_PIECE));
      got = g_bytes_get_size(piece);
    }
  }
}

gboolean attacker_send(Attacker *attacker, int fd, const void *data, gsize len) {
  guint64 address = attacker_put(attacker, data, len);
  return attacker_call(attacker, SYS_sendto, (guint64[6]){(guint64)fd, address, len, MSG_NOSIGNAL}) == (gint64)len;
}

static GBytes *receive(Attacker *attacker, int fd, gsize len) {
  guint64 address = allocate(attacker, len);
  gint64 n = attacker_call(attacker, SYS_recvfrom, (guint64[6]){(guint64)fd, address, len, MSG_WAITALL});
  return n == (gint64)len ? attacker_get(attacker, address, len) : NULL;
}

WireBuffer *attacker_receive(Attacker *attacker, int fd) {
  g_autoptr(GBytes) header = receive(attacker, fd, sizeof(guint32));
  if (!header)
    return NULL;
  Reader reader = reader_init_bytes(header);
  guint32 length = reader_u32be(&reader);
  g_autoptr(GBytes) frame = receive(attacker, fd, length);
  return frame ? wire_buffer_parse(g_bytes_get_data(frame, NULL), length) : NULL;
}

WireBuffer *attacker_exchange(Attacker *attacker, int fd, const WireBuffer *request) {
  Reader body = wire_body(request);
  gsize len = reader_remaining(&body);
  guint32 length = GUINT32_TO_BE((guint32)len + 1);
  guint8 type = wire_type(request);
  g_autoptr(GByteArray) frame = g_byte_array_new();
  g_byte_array_append(frame, (const guint8 *)&length, sizeof length);
  g_byte_array_append(frame, &type, 1);
  if (len)
    g_byte_array_append(frame, reader_take(&body, len), (guint)len);
  return attacker_send(attacker, fd, frame->data, frame->len) ? attacker_receive(attacker, fd) : NULL;
}
