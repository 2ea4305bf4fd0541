#include "base/reader.h"

#include "base/error.h"

#include <string.h>

Reader reader_init(const void *data, gsize len) {
  static const guint8 empty[1];
  return (Reader){.data = data ? data : empty, .len = data ? len : 0};
}

Reader reader_init_bytes(GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  return reader_init(data, len);
}

gboolean reader_ok(const Reader *reader) { return !reader->failed; }

gsize reader_remaining(const Reader *reader) { return reader->failed ? 0 : reader->len - reader->pos; }

void reader_fail(Reader *reader) { reader->failed = TRUE; }

const guint8 *reader_take(Reader *reader, gsize len) {
  if (reader->failed || len > reader->len - reader->pos) {
    reader->failed = TRUE;
    return NULL;
  }
  const guint8 *at = reader->data + reader->pos;
  reader->pos += len;
  return at;
}

gboolean reader_copy(Reader *reader, void *out, gsize len) {
  const guint8 *at = reader_take(reader, len);
  if (at)
    memcpy(out, at, len);
  else
    memset(out, 0, len);
  return at != NULL;
}

gboolean reader_skip(Reader *reader, gsize len) { return reader_take(reader, len) != NULL; }

Reader reader_sub(Reader *reader, gsize len) {
  const guint8 *at = reader_take(reader, len);
  Reader sub = reader_init(at, len);
  sub.failed = at == NULL;
  return sub;
}

static guint64 read_le(Reader *reader, guint size) {
  const guint8 *at = reader_take(reader, size);
  guint64 value = 0;
  for (guint i = 0; at && i < size; i++)
    value |= (guint64)at[i] << (8 * i);
  return value;
}

static guint64 read_be(Reader *reader, guint size) {
  const guint8 *at = reader_take(reader, size);
  guint64 value = 0;
  for (guint i = 0; at && i < size; i++)
    value = value << 8 | at[i];
  return value;
}

guint8 reader_u8(Reader *reader) { return (guint8)read_le(reader, 1); }
guint16 reader_u16le(Reader *reader) { return (guint16)read_le(reader, 2); }
guint32 reader_u32le(Reader *reader) { return (guint32)read_le(reader, 4); }
guint64 reader_u64le(Reader *reader) { return read_le(reader, 8); }
guint16 reader_u16be(Reader *reader) { return (guint16)read_be(reader, 2); }
guint32 reader_u32be(Reader *reader) { return (guint32)read_be(reader, 4); }
guint64 reader_u64be(Reader *reader) { return read_be(reader, 8); }

gboolean reader_check(const Reader *reader, const char *what, GError **error) {
  if (!reader->failed)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: truncated at byte %" G_GSIZE_FORMAT, what, reader->pos);
  return FALSE;
}

gboolean reader_finish(const Reader *reader, const char *what, GError **error) {
  if (!reader_check(reader, what, error))
    return FALSE;
  if (reader->pos == reader->len)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %" G_GSIZE_FORMAT " trailing bytes", what,
              reader->len - reader->pos);
  return FALSE;
}
