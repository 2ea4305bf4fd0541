/* Little-endian appending to byte arrays. */
#pragma once

#include <glib.h>

static inline void put_le(GByteArray *out, guint64 value, guint size) {
  for (guint i = 0; i < size; i++) {
    guint8 byte = (guint8)(value >> (8 * i));
    g_byte_array_append(out, &byte, 1);
  }
}
static inline void put_u8(GByteArray *out, guint value) { put_le(out, value, 1); }
static inline void put_u16(GByteArray *out, guint value) { put_le(out, value, 2); }
static inline void put_u32(GByteArray *out, guint64 value) { put_le(out, value, 4); }
static inline void put_u64(GByteArray *out, guint64 value) { put_le(out, value, 8); }
static inline void put_bytes(GByteArray *out, const void *data, gsize len) {
  g_byte_array_append(out, data, (guint)len);
}
static inline void put_zeros(GByteArray *out, gsize len) {
  gsize before = out->len;
  g_byte_array_set_size(out, (guint)(before + len));
  for (gsize i = before; i < before + len; i++)
    out->data[i] = 0;
}
static inline void set_le(GByteArray *out, gsize at, guint64 value, guint size) {
  for (guint i = 0; i < size; i++)
    out->data[at + i] = (guint8)(value >> (8 * i));
}
