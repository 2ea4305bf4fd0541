#include "ratls/msgpack.h"

#include <string.h>

/* First bytes of the format's types. */
enum {
  FIXMAP = 0x80,
  FIXARRAY = 0x90,
  FIXSTR = 0xa0,
  NIL = 0xc0,
  FALSE_VALUE = 0xc2,
  TRUE_VALUE = 0xc3,
  BIN8 = 0xc4,
  BIN16 = 0xc5,
  BIN32 = 0xc6,
  EXT8 = 0xc7,
  EXT16 = 0xc8,
  EXT32 = 0xc9,
  FLOAT32 = 0xca,
  FLOAT64 = 0xcb,
  UINT8 = 0xcc,
  UINT16 = 0xcd,
  UINT32 = 0xce,
  UINT64 = 0xcf,
  INT8 = 0xd0,
  INT16 = 0xd1,
  INT32 = 0xd2,
  INT64 = 0xd3,
  FIXEXT1 = 0xd4,
  STR8 = 0xd9,
  STR16 = 0xda,
  STR32 = 0xdb,
  ARRAY16 = 0xdc,
  ARRAY32 = 0xdd,
  MAP16 = 0xde,
  MAP32 = 0xdf,
  NEGATIVE_FIXINT = 0xe0,
};
#define MAX_FIELDS 64 /* of one map, known or not */

static gsize fail(Reader *reader) {
  reader_fail(reader);
  return 0;
}

/* A length field of 1, 2 or 4 bytes, by how far `first` lies behind the one-byte form. */
static gsize read_length(Reader *reader, guint width) {
  switch (width) {
  case 0:
    return reader_u8(reader);
  case 1:
    return reader_u16be(reader);
  default:
    return reader_u32be(reader);
  }
}

guint64 msgpack_read_uint(Reader *reader, guint64 max) {
  const guint8 first = reader_u8(reader);
  guint64 value = first;
  switch (first) {
  case UINT8:
    value = reader_u8(reader);
    break;
  case UINT16:
    value = reader_u16be(reader);
    break;
  case UINT32:
    value = reader_u32be(reader);
    break;
  case UINT64:
    value = reader_u64be(reader);
    break;
  default:
    if (first >= FIXMAP)
      return fail(reader);
  }
  return value <= max && reader_ok(reader) ? value : fail(reader);
}

gsize msgpack_read_array(Reader *reader, gsize max) {
  const guint8 first = reader_u8(reader);
  gsize count;
  if (first >= FIXARRAY && first < FIXSTR)
    count = first - FIXARRAY;
  else if (first == ARRAY16 || first == ARRAY32)
    count = read_length(reader, first - ARRAY16 + 1);
  else
    return fail(reader);
  /* every item takes a byte at least */
  return count <= max && count <= reader_remaining(reader) ? count : fail(reader);
}

static gsize read_map(Reader *reader) {
  const guint8 first = reader_u8(reader);
  gsize count;
  if (first >= FIXMAP && first < FIXARRAY)
    count = first - FIXMAP;
  else if (first == MAP16 || first == MAP32)
    count = read_length(reader, first - MAP16 + 1);
  else
    return fail(reader);
  return count <= MAX_FIELDS ? count : fail(reader);
}

static const char *take_string(Reader *reader, gsize *len) {
  const guint8 first = reader_u8(reader);
  *len = 0;
  if (first >= FIXSTR && first < NIL)
    *len = first - FIXSTR;
  else if (first >= STR8 && first <= STR32)
    *len = read_length(reader, first - STR8);
  else
    reader_fail(reader);
  const char *text = (const char *)reader_take(reader, *len);
  if (text && g_utf8_validate(text, (gssize)*len, NULL)) /* which refuses NUL too */
    return text;
  reader_fail(reader);
  return NULL;
}

char *msgpack_read_string(Reader *reader) {
  gsize len;
  const char *text = take_string(reader, &len);
  return text ? g_strndup(text, len) : NULL;
}

static gboolean next_is_bin(const Reader *reader) {
  Reader ahead = *reader;
  const guint8 first = reader_u8(&ahead);
  return reader_ok(&ahead) && first >= BIN8 && first <= BIN32;
}

static GBytes *read_bin(Reader *reader, gsize max) {
  const gsize len = read_length(reader, reader_u8(reader) - (guint)BIN8);
  if (len > max)
    reader_fail(reader);
  const guint8 *data = reader_take(reader, len);
  return data ? g_bytes_new(data, len) : NULL;
}

GBytes *msgpack_read_bytes(Reader *reader, gsize max) {
  if (next_is_bin(reader))
    return read_bin(reader, max);
  const gsize count = msgpack_read_array(reader, max);
  g_autofree guint8 *data = g_malloc(MAX(count, 1));
  for (gsize i = 0; i < count && reader_ok(reader); i++)
    data[i] = (guint8)msgpack_read_uint(reader, G_MAXUINT8);
  return reader_ok(reader) ? g_bytes_new_take(g_steal_pointer(&data), count) : NULL;
}

gboolean msgpack_read_nil(Reader *reader) {
  Reader ahead = *reader;
  if (reader_u8(&ahead) != NIL || !reader_ok(&ahead))
    return FALSE;
  *reader = ahead;
  return TRUE;
}

/* Moves past the first byte and the data of one value; returns how many values it has inside. */
static guint64 skip_one(Reader *reader) {
  const guint8 first = reader_u8(reader);
  if (first < FIXMAP || first >= NEGATIVE_FIXINT || first == NIL || first == FALSE_VALUE || first == TRUE_VALUE)
    return 0;
  if (first < FIXARRAY)
    return 2 * (guint64)(first - FIXMAP);
  if (first < FIXSTR)
    return first - FIXARRAY;
  if (first >= MAP16)
    return 2 * (guint64)read_length(reader, first - MAP16 + 1);
  if (first >= ARRAY16)
    return read_length(reader, first - ARRAY16 + 1);
  gsize len = 0;
  if (first < NIL)
    len = first - FIXSTR;
  else if (first >= STR8)
    len = read_length(reader, first - STR8);
  else if (first >= FIXEXT1)
    len = 1 + ((gsize)1 << (first - FIXEXT1)); /* a type byte, then 1, 2, 4, 8 or 16 bytes */
  else if (first >= INT8)
    len = (gsize)1 << (first - INT8);
  else if (first >= UINT8)
    len = (gsize)1 << (first - UINT8);
  else if (first >= FLOAT32)
    len = first == FLOAT32 ? 4 : 8;
  else if (first >= EXT8)
    len = read_length(reader, first - EXT8) + 1;
  else if (first >= BIN8)
    len = read_length(reader, first - BIN8);
  else
    reader_fail(reader);
  reader_skip(reader, len);
  return 0;
}

void msgpack_skip(Reader *reader) {
  for (guint64 pending = 1; pending > 0 && reader_ok(reader); pending--) {
    pending += skip_one(reader);
    if (pending - 1 > reader_remaining(reader)) /* a value takes a byte at least */
      reader_fail(reader);
  }
}

static gsize find_key(const char *key, gsize len, const char *const *keys, gsize n_keys) {
  gsize i = 0;
  while (i < n_keys && (strlen(keys[i]) != len || memcmp(keys[i], key, len) != 0))
    i++;
  return i;
}

void msgpack_read_fields(Reader *reader, const char *const *keys, gsize n_keys, Reader *values) {
  for (gsize i = 0; i < n_keys; i++)
    values[i] = (Reader){.failed = TRUE};
  const gsize count = read_map(reader);
  for (gsize i = 0; i < count && reader_ok(reader); i++) {
    gsize len;
    const char *key = take_string(reader, &len);
    const gsize start = reader->pos;
    msgpack_skip(reader);
    if (!key || !reader_ok(reader))
      return;
    const gsize known = find_key(key, len, keys, n_keys);
    if (known == n_keys)
      continue;
    if (msgpack_has_field(&values[known]))
      reader_fail(reader);
    else
      values[known] = reader_init(reader->data + start, reader->pos - start);
  }
}

gboolean msgpack_has_field(const Reader *value) { return value->data != NULL; }

static void put_u8(GByteArray *out, guint8 value) { g_byte_array_append(out, &value, 1); }

/* The last `width` bytes of a big-endian number. */
static void put_be(GByteArray *out, guint64 value, guint width) {
  const guint64 coded = GUINT64_TO_BE(value);
  g_byte_array_append(out, (const guint8 *)&coded + sizeof coded - width, width);
}

/* `first` is the form with a length of two bytes; the one of four follows it. */
static void put_long_length(GByteArray *out, guint8 first, gsize len) {
  g_assert(len <= G_MAXUINT32);
  put_u8(out, len <= G_MAXUINT16 ? first : first + 1);
  put_be(out, len, len <= G_MAXUINT16 ? 2 : 4);
}

static void put_short_length(GByteArray *out, guint8 first, gsize len) {
  if (len > G_MAXUINT8) {
    put_long_length(out, first + 1, len);
    return;
  }
  put_u8(out, first);
  put_u8(out, (guint8)len);
}

void msgpack_write_uint(GByteArray *out, guint64 value) {
  if (value < FIXMAP) {
    put_u8(out, (guint8)value);
    return;
  }
  const guint power = value <= G_MAXUINT8 ? 0 : value <= G_MAXUINT16 ? 1 : value <= G_MAXUINT32 ? 2 : 3;
  put_u8(out, (guint8)(UINT8 + power));
  put_be(out, value, 1u << power);
}

void msgpack_write_string(GByteArray *out, const char *text) {
  const gsize len = strlen(text);
  if (len < NIL - FIXSTR)
    put_u8(out, (guint8)(FIXSTR + len));
  else
    put_short_length(out, STR8, len);
  g_byte_array_append(out, (const guint8 *)text, (guint)len);
}

void msgpack_write_bin(GByteArray *out, GBytes *bytes) {
  gsize len;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  put_short_length(out, BIN8, len);
  if (len > 0)
    g_byte_array_append(out, data, (guint)len);
}

void msgpack_write_nil(GByteArray *out) { put_u8(out, NIL); }

void msgpack_write_map(GByteArray *out, guint count) {
  g_assert(count < FIXARRAY - FIXMAP);
  put_u8(out, (guint8)(FIXMAP + count));
}

void msgpack_write_array(GByteArray *out, gsize count) {
  if (count < FIXSTR - FIXARRAY)
    put_u8(out, (guint8)(FIXARRAY + count));
  else
    put_long_length(out, ARRAY16, count);
}

void msgpack_write_byte_array(GByteArray *out, const guint8 *data, gsize len) {
  msgpack_write_array(out, len);
  for (gsize i = 0; i < len; i++)
    msgpack_write_uint(out, data[i]);
}
