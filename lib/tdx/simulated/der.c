#include "tdx/simulated/der.h"

void der_put_raw(GByteArray *out, const void *der, gsize len) { g_byte_array_append(out, der, (guint)len); }

static void put_byte(GByteArray *out, guint8 byte) { g_byte_array_append(out, &byte, 1); }

static void put_length(GByteArray *out, gsize len) {
  g_assert(len <= 0xffff);
  if (len >= 0x100) {
    put_byte(out, 0x82);
    put_byte(out, (guint8)(len >> 8));
  } else if (len >= 0x80) {
    put_byte(out, 0x81);
  }
  put_byte(out, (guint8)len);
}

void der_put(GByteArray *out, guint8 tag, const void *content, gsize len) {
  put_byte(out, tag);
  put_length(out, len);
  if (len > 0)
    der_put_raw(out, content, len);
}

void der_wrap(GByteArray *out, guint8 tag, GByteArray *inner) {
  der_put(out, tag, inner->data, inner->len);
  g_byte_array_unref(inner);
}

void der_put_integer(GByteArray *out, const guint8 *big_endian, gsize len) {
  while (len > 1 && big_endian[0] == 0) {
    big_endian++;
    len--;
  }
  GByteArray *content = g_byte_array_new();
  if (big_endian[0] & 0x80)
    put_byte(content, 0);
  der_put_raw(content, big_endian, len);
  der_wrap(out, DER_INTEGER, content);
}

void der_put_small_integer(GByteArray *out, guint16 value) {
  der_put_integer(out, (const guint8[]){(guint8)(value >> 8), (guint8)value}, 2);
}

void der_put_bits(GByteArray *out, const void *content, gsize len) {
  GByteArray *inner = g_byte_array_new();
  put_byte(inner, 0); /* unused bits */
  der_put_raw(inner, content, len);
  der_wrap(out, DER_BIT_STRING, inner);
}
