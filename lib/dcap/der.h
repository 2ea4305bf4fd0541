/* The few DER forms of Intel's certificate extension, on the bounds-checked cursor (definite, minimal lengths only). */
#pragma once

#include "base/reader.h"

#include <glib.h>

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_OCTET_STRING 0x04
#define DER_OID 0x06
#define DER_ENUMERATED 0x0a
#define DER_SEQUENCE 0x30

/* Steps over one element with this tag and returns a cursor over its content; marks `reader` failed (and returns a
 * failed cursor) when the next element is another. */
Reader dcap_der_take(Reader *reader, guint8 tag);
/* Steps over one element of any tag. */
gboolean dcap_der_skip(Reader *reader);
/* A non-negative INTEGER or ENUMERATED of at most `max`, minimally encoded. */
guint32 dcap_der_uint(Reader *reader, guint8 tag, guint32 max);
/* An OCTET STRING of exactly `size` bytes. */
gboolean dcap_der_octets(Reader *reader, guint8 *out, gsize size);
