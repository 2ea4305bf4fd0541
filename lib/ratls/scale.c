#include "ratls/scale.h"

#include <string.h>

/* The two lowest bits of a length's first byte say how many bytes it has. */
enum { MODE_ONE_BYTE, MODE_TWO_BYTES, MODE_FOUR_BYTES, MODE_BIG };
#define TWO_BYTES_FROM (1u << 6)
#define FOUR_BYTES_FROM (1u << 14)

gsize scale_read_length(Reader *reader) {
  const guint8 first = reader_u8(reader);
  gsize len = first >> 2, least = 0;
  switch (first & 3) {
  case MODE_TWO_BYTES:
    len |= (gsize)reader_u8(reader) << 6;
    least = TWO_BYTES_FROM;
    break;
  case MODE_FOUR_BYTES:
    len |= (gsize)reader_u16le(reader) << 6;
    len |= (gsize)reader_u8(reader) << 22;
    least = FOUR_BYTES_FROM;
    break;
  case MODE_BIG:
    reader_fail(reader);
    break;
  }
  if (len < least)
    reader_fail(reader);
  return reader_ok(reader) ? len : 0;
}

GBytes *scale_read_bytes(Reader *reader) {
  const gsize len = scale_read_length(reader);
  const guint8 *data = reader_take(reader, len);
  return data ? g_bytes_new(data, len) : NULL;
}

char *scale_read_string(Reader *reader) {
  const gsize len = scale_read_length(reader);
  const char *text = (const char *)reader_take(reader, len);
  if (text && g_utf8_validate(text, (gssize)len, NULL)) /* which refuses NUL too */
    return g_strndup(text, len);
  reader_fail(reader);
  return NULL;
}

gboolean scale_read_bool(Reader *reader) {
  const guint8 value = reader_u8(reader);
  if (value > 1)
    reader_fail(reader);
  return value == 1;
}

gboolean scale_read_option(Reader *reader) { return scale_read_bool(reader); }

void scale_write_length(GByteArray *out, gsize len) {
  g_assert(len <= SCALE_MAX_LENGTH);
  const guint mode = len < TWO_BYTES_FROM ? MODE_ONE_BYTE : len < FOUR_BYTES_FROM ? MODE_TWO_BYTES : MODE_FOUR_BYTES;
  const guint32 coded = GUINT32_TO_LE((guint32)len << 2 | mode);
  g_byte_array_append(out, (const guint8 *)&coded, 1u << mode);
}

void scale_write_bytes(GByteArray *out, const void *data, gsize len) {
  scale_write_length(out, len);
  g_byte_array_append(out, data, (guint)len);
}

void scale_write_string(GByteArray *out, const char *text) { scale_write_bytes(out, text, strlen(text)); }

void scale_write_bool(GByteArray *out, gboolean value) { g_byte_array_append(out, &(guint8){value ? 1 : 0}, 1); }
