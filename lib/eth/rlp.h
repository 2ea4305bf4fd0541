/* Recursive Length Prefix, the encoding of Ethereum's transactions (Yellow Paper, appendix B). Encoding only: nothing
 * of dstack reads it. Each function appends one item to `out`. */
#pragma once

#include <glib.h>

void rlp_add_bytes(GByteArray *out, const void *data, gsize len);
/* A number: big-endian without leading zeros, so zero is the empty string. */
void rlp_add_uint(GByteArray *out, guint64 value);
/* A big-endian number of any size. */
void rlp_add_number(GByteArray *out, const guint8 *data, gsize len);
/* A list whose items are encoded in `items`. */
void rlp_add_list(GByteArray *out, const GByteArray *items);
