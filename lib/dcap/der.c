#include "dcap/der.h"

#define LONG_FORM 0x80
#define MAX_LENGTH_BYTES 3

static gsize read_length(Reader *reader) {
  guint8 first = reader_u8(reader);
  if (first < LONG_FORM)
    return first;
  guint n_bytes = first & 0x7f;
  gsize len = 0;
  for (guint i = 0; i < n_bytes && n_bytes <= MAX_LENGTH_BYTES; i++)
    len = len << 8 | reader_u8(reader);
  gboolean minimal = len >= LONG_FORM && (n_bytes == 1 || len >> (8 * (n_bytes - 1)) != 0);
  if (n_bytes == 0 || n_bytes > MAX_LENGTH_BYTES || !minimal)
    reader_fail(reader);
  return len;
}

Reader dcap_der_take(Reader *reader, guint8 tag) {
  if (reader_u8(reader) != tag)
    reader_fail(reader);
  gsize len = read_length(reader);
  return reader_sub(reader, len);
}

gboolean dcap_der_skip(Reader *reader) {
  reader_u8(reader);
  gsize len = read_length(reader);
  return reader_skip(reader, len);
}

guint32 dcap_der_uint(Reader *reader, guint8 tag, guint32 max) {
  Reader content = dcap_der_take(reader, tag);
  gsize len = reader_remaining(&content);
  guint32 value = 0;
  guint8 first = reader_u8(&content);
  gboolean padded = first == 0 && len > 1;
  if (len == 0 || len > 4 || first >= 0x80 || (padded && content.data[content.pos] < 0x80)) {
    reader_fail(reader);
    return 0;
  }
  value = first;
  while (reader_remaining(&content) > 0)
    value = value << 8 | reader_u8(&content);
  if (value > max)
    reader_fail(reader);
  return value;
}

gboolean dcap_der_octets(Reader *reader, guint8 *out, gsize size) {
  Reader content = dcap_der_take(reader, DER_OCTET_STRING);
  if (reader_remaining(&content) != size)
    reader_fail(reader);
  return reader_copy(&content, out, size) && reader_ok(reader);
}
