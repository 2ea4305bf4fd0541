/* Writing DER: what certificates, CRLs and signatures of the simulated PKI are made of. */
#pragma once

#include <glib.h>

enum {
  DER_BOOLEAN = 0x01,
  DER_INTEGER = 0x02,
  DER_BIT_STRING = 0x03,
  DER_OCTET_STRING = 0x04,
  DER_OID = 0x06,
  DER_ENUMERATED = 0x0a,
  DER_UTF8_STRING = 0x0c,
  DER_PRINTABLE_STRING = 0x13,
  DER_UTC_TIME = 0x17,
  DER_GENERALIZED_TIME = 0x18,
  DER_SEQUENCE = 0x30,
  DER_SET = 0x31,
};

/* Appends one element. */
void der_put(GByteArray *out, guint8 tag, const void *content, gsize len);
/* Appends one element around `inner`, which it frees. */
void der_wrap(GByteArray *out, guint8 tag, GByteArray *inner);
/* Appends elements that are encoded already. */
void der_put_raw(GByteArray *out, const void *der, gsize len);
/* A positive integer from big-endian bytes, made minimal. */
void der_put_integer(GByteArray *out, const guint8 *big_endian, gsize len);
void der_put_small_integer(GByteArray *out, guint16 value);
/* A BIT STRING without unused bits. */
void der_put_bits(GByteArray *out, const void *content, gsize len);
