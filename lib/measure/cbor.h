/* The small part of CBOR (RFC 8949) that measurement documents use: definite lengths, shortest integers, no tags, no
 * floats. Reading fails the reader on anything else; writing appends. */
#pragma once

#include "base/reader.h"

#include <glib.h>

void cbor_put_uint(GByteArray *out, guint64 value);
void cbor_put_text(GByteArray *out, const char *text);
void cbor_put_bytes(GByteArray *out, const void *data, gsize len);
void cbor_put_bool(GByteArray *out, gboolean value);
void cbor_put_map(GByteArray *out, guint n_pairs);
void cbor_put_array(GByteArray *out, guint n_items);

guint64 cbor_take_uint(Reader *reader, guint64 max);
/* At most `max` bytes of UTF-8 without NUL; NULL on failure. */
char *cbor_take_text(Reader *reader, gsize max);
/* Exactly `size` bytes. */
void cbor_take_fixed(Reader *reader, guint8 *out, gsize size);
/* At most `max` bytes, in place; NULL on failure. */
const guint8 *cbor_take_bytes(Reader *reader, gsize max, gsize *len);
gboolean cbor_take_bool(Reader *reader);
guint cbor_take_map(Reader *reader, guint max_pairs);
guint cbor_take_array(Reader *reader, guint max_items);
