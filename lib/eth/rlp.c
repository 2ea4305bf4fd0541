#include "eth/rlp.h"

#define SHORT_STRING 0x80
#define SHORT_LIST 0xc0
#define MAX_SHORT_LEN 55

static guint significant_bytes(guint64 value) {
  guint count = 0;
  for (; value > 0; value >>= 8)
    count++;
  return count;
}

static void add_big_endian(GByteArray *out, guint64 value, guint count) {
  for (guint i = count; i-- > 0;) {
    guint8 byte = (guint8)(value >> (8 * i));
    g_byte_array_append(out, &byte, 1);
  }
}

static void add_header(GByteArray *out, guint8 base, gsize len) {
  if (len <= MAX_SHORT_LEN) {
    add_big_endian(out, base + len, 1);
    return;
  }
  guint count = significant_bytes(len);
  add_big_endian(out, base + MAX_SHORT_LEN + count, 1);
  add_big_endian(out, len, count);
}

void rlp_add_bytes(GByteArray *out, const void *data, gsize len) {
  const guint8 *bytes = data;
  if (len != 1 || bytes[0] >= SHORT_STRING)
    add_header(out, SHORT_STRING, len);
  if (len > 0)
    g_byte_array_append(out, bytes, (guint)len);
}

void rlp_add_number(GByteArray *out, const guint8 *data, gsize len) {
  for (; len > 0 && *data == 0; len--)
    data++;
  rlp_add_bytes(out, data, len);
}

void rlp_add_uint(GByteArray *out, guint64 value) {
  guint64 big_endian = GUINT64_TO_BE(value);
  rlp_add_number(out, (const guint8 *)&big_endian, sizeof big_endian);
}

void rlp_add_list(GByteArray *out, const GByteArray *items) {
  add_header(out, SHORT_LIST, items->len);
  g_byte_array_append(out, items->data, items->len);
}
