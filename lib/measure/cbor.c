#include "cbor.h"

#include <string.h>

enum { MAJOR_UINT = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAJOR_MAP = 5 };
enum { SIMPLE_FALSE = 0xf4, SIMPLE_TRUE = 0xf5, ONE_BYTE = 24, EIGHT_BYTES = 27 };

static void put_head(GByteArray *out, guint major, guint64 value) {
  guint8 head[9];
  guint more = value < ONE_BYTE ? 0 : value <= G_MAXUINT8 ? 1 : value <= G_MAXUINT16 ? 2 : value <= G_MAXUINT32 ? 4 : 8;
  guint info = more == 0 ? (guint)value : more == 1 ? 24 : more == 2 ? 25 : more == 4 ? 26 : 27;
  head[0] = (guint8)(major << 5 | info);
  for (guint i = 0; i < more; i++)
    head[1 + i] = (guint8)(value >> (8 * (more - 1 - i)));
  g_byte_array_append(out, head, 1 + more);
}

void cbor_put_uint(GByteArray *out, guint64 value) { put_head(out, MAJOR_UINT, value); }

void cbor_put_bytes(GByteArray *out, const void *data, gsize len) {
  put_head(out, MAJOR_BYTES, len);
  g_byte_array_append(out, data, (guint)len);
}

void cbor_put_text(GByteArray *out, const char *text) {
  put_head(out, MAJOR_TEXT, strlen(text));
  g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

void cbor_put_bool(GByteArray *out, gboolean value) {
  const guint8 byte = value ? SIMPLE_TRUE : SIMPLE_FALSE;
  g_byte_array_append(out, &byte, 1);
}

void cbor_put_map(GByteArray *out, guint n_pairs) { put_head(out, MAJOR_MAP, n_pairs); }
void cbor_put_array(GByteArray *out, guint n_items) { put_head(out, MAJOR_ARRAY, n_items); }

static guint64 take_head(Reader *reader, guint major) {
  static const guint64 smallest[] = {ONE_BYTE, 1 << 8, 1 << 16, G_GUINT64_CONSTANT(1) << 32};
  guint8 head = reader_u8(reader);
  guint info = head & 0x1f;
  if (head >> 5 != major || info > EIGHT_BYTES)
    reader_fail(reader);
  if (info < ONE_BYTE)
    return info;
  guint64 value = 0;
  for (guint left = 1u << (info & 3); left > 0 && reader_ok(reader); left--)
    value = value << 8 | reader_u8(reader);
  if (value < smallest[info & 3]) /* a shorter form exists */
    reader_fail(reader);
  return value;
}

static guint64 take_bounded(Reader *reader, guint major, guint64 max) {
  guint64 value = take_head(reader, major);
  if (value > max)
    reader_fail(reader);
  return reader_ok(reader) ? value : 0;
}

guint64 cbor_take_uint(Reader *reader, guint64 max) { return take_bounded(reader, MAJOR_UINT, max); }
guint cbor_take_map(Reader *reader, guint max_pairs) { return (guint)take_bounded(reader, MAJOR_MAP, max_pairs); }
guint cbor_take_array(Reader *reader, guint max_items) { return (guint)take_bounded(reader, MAJOR_ARRAY, max_items); }

const guint8 *cbor_take_bytes(Reader *reader, gsize max, gsize *len) {
  *len = (gsize)take_bounded(reader, MAJOR_BYTES, max);
  return reader_take(reader, *len);
}

void cbor_take_fixed(Reader *reader, guint8 *out, gsize size) {
  if (take_bounded(reader, MAJOR_BYTES, size) != size)
    reader_fail(reader);
  reader_copy(reader, out, size);
}

char *cbor_take_text(Reader *reader, gsize max) {
  gsize len = (gsize)take_bounded(reader, MAJOR_TEXT, max);
  const char *text = (const char *)reader_take(reader, len);
  if (!text)
    return NULL;
  if (g_utf8_validate(text, (gssize)len, NULL) && !memchr(text, 0, len))
    return g_strndup(text, len);
  reader_fail(reader);
  return NULL;
}

gboolean cbor_take_bool(Reader *reader) {
  guint8 byte = reader_u8(reader);
  if (byte != SIMPLE_TRUE && byte != SIMPLE_FALSE)
    reader_fail(reader);
  return byte == SIMPLE_TRUE;
}
