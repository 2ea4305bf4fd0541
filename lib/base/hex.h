/* Hexadecimal text. Output is lower case without a prefix, as everywhere in dstack. */
#pragma once

#include <glib.h>

/* Returns a new NUL-terminated string of 2 * len characters. */
char *hex_encode(const void *data, gsize len);
char *hex_encode_bytes(GBytes *bytes);

/* Decodes `len` characters (either case, no prefix, no white space; empty text gives empty bytes).
 * Error INVALID: odd length or a character that is no hex digit. */
GBytes *hex_decode(const char *text, gsize len, GError **error);
/* As hex_decode() on a C string, but skips every leading "0x" first (the rule of prpc JSON). */
GBytes *hex_decode_prefixed(const char *text, GError **error);
/* Decodes exactly `size` bytes into `out`. Error INVALID otherwise. */
gboolean hex_decode_fixed(const char *text, guint8 *out, gsize size, GError **error);
