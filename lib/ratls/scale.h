/* SCALE, the encoding of certificate requests (spec: attestation D.4). Reading is canonical: every value has one form.
 */
#pragma once

#include "base/reader.h"

#include <glib.h>

/* Lengths of the protocol end here: the four-byte mode. The big-integer mode beyond it is refused. */
#define SCALE_MAX_LENGTH ((1u << 30) - 1)

/* These fail the reader for a length that is not minimal or beyond the input, a boolean or option byte other than 0 and
 * 1, and text that is no UTF-8 or has a NUL inside. */
gsize scale_read_length(Reader *reader);
GBytes *scale_read_bytes(Reader *reader);
/* NULL on failure; to be freed with g_free(). */
char *scale_read_string(Reader *reader);
gboolean scale_read_bool(Reader *reader);
/* TRUE when a value follows. */
gboolean scale_read_option(Reader *reader);

void scale_write_length(GByteArray *out, gsize len);
void scale_write_bytes(GByteArray *out, const void *data, gsize len);
void scale_write_string(GByteArray *out, const char *text);
void scale_write_bool(GByteArray *out, gboolean value);
