/* A bounds-checked cursor over bytes from outside: the only way binary input is parsed in this tree.
 *
 * The first read past the end, or past a limit, sets the cursor to failed; every later read fails too and yields zero or
 * NULL. So a parser may read a whole structure and check once with reader_ok() or reader_finish(). Nothing is copied and
 * nothing is allocated; pointers returned live as long as the input. */
#pragma once

#include <glib.h>

typedef struct {
  const guint8 *data;
  gsize len;
  gsize pos;
  gboolean failed;
} Reader;

Reader reader_init(const void *data, gsize len);
Reader reader_init_bytes(GBytes *bytes);

gboolean reader_ok(const Reader *reader);
gsize reader_remaining(const Reader *reader);

guint8 reader_u8(Reader *reader);
guint16 reader_u16le(Reader *reader);
guint32 reader_u32le(Reader *reader);
guint64 reader_u64le(Reader *reader);
guint16 reader_u16be(Reader *reader);
guint32 reader_u32be(Reader *reader);
guint64 reader_u64be(Reader *reader);

/* Returns the next `len` bytes in place and moves on, or NULL. A `len` of 0 yields a non-NULL pointer. */
const guint8 *reader_take(Reader *reader, gsize len);
/* Copies the next `len` bytes to `out`; on failure `out` is zeroed. */
gboolean reader_copy(Reader *reader, void *out, gsize len);
gboolean reader_skip(Reader *reader, gsize len);
/* A cursor over the next `len` bytes, which the outer one moves past. */
Reader reader_sub(Reader *reader, gsize len);
/* Marks the cursor as failed; for values that are well-placed but not allowed. */
void reader_fail(Reader *reader);

/* TRUE when nothing failed and nothing is left; else sets error INVALID "<what>: truncated" or "<what>: trailing bytes". */
gboolean reader_finish(const Reader *reader, const char *what, GError **error);
/* TRUE when nothing failed; else sets error INVALID "<what>: truncated at byte N". */
gboolean reader_check(const Reader *reader, const char *what, GError **error);
