/* MessagePack, the encoding of version 1 attestations (spec: attestation D.7). What is read may use any width of a
 * type; what is written uses the shortest. */
#pragma once

#include "base/reader.h"

#include <glib.h>

/* Each fails the reader for a value of another type, beyond the input, or over its limit. */
guint64 msgpack_read_uint(Reader *reader, guint64 max);
gsize msgpack_read_array(Reader *reader, gsize max);
/* UTF-8 without NUL; to be freed with g_free(). NULL on failure. */
char *msgpack_read_string(Reader *reader);
/* Bytes of at most `max`, as `bin` or as an array of integers: writers use both. NULL on failure. */
GBytes *msgpack_read_bytes(Reader *reader, gsize max);
/* TRUE, and moved past, when the next value is nil. */
gboolean msgpack_read_nil(Reader *reader);
/* Moves past one value of any kind, however deep it nests, without recursion. */
void msgpack_skip(Reader *reader);

/* Reads a map whose keys are strings: values[i] becomes a cursor over the value of keys[i], or one that has failed when
 * the map has no such key. Other keys are ignored. Fails the reader for a key that appears twice. */
void msgpack_read_fields(Reader *reader, const char *const *keys, gsize n_keys, Reader *values);
/* Whether that cursor has a value. */
gboolean msgpack_has_field(const Reader *value);

void msgpack_write_uint(GByteArray *out, guint64 value);
void msgpack_write_string(GByteArray *out, const char *text);
void msgpack_write_bin(GByteArray *out, GBytes *bytes);
void msgpack_write_nil(GByteArray *out);
void msgpack_write_map(GByteArray *out, guint count); /* below 16 */
void msgpack_write_array(GByteArray *out, gsize count);
/* The other form of bytes: an array with an integer each. */
void msgpack_write_byte_array(GByteArray *out, const guint8 *data, gsize len);
