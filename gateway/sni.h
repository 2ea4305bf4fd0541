/* The server name of a TLS ClientHello, read without a TLS library (spec: gateway 13.2; RFC 8446 4.1.2, RFC 6066 3). */
#pragma once

#include <glib.h>

#define SNI_MAX_HELLO (16 * 1024) /* bytes looked at before a client is given up */
#define SNI_MAX_NAME 253

typedef enum {
  SNI_FOUND,
  SNI_NEED_MORE, /* a strict prefix of a ClientHello */
  SNI_NO_NAME,   /* a whole ClientHello without a host name */
  SNI_MALFORMED, /* not TLS, or a name with bytes outside letters, digits, '-', '_' and '.' */
} SniResult;

/* Looks at the first bytes of a connection. On SNI_FOUND `name` holds the host name, lower case, without a trailing dot.
 * A hello split over several records is put together. */
SniResult sni_parse(const guint8 *data, gsize len, char name[SNI_MAX_NAME + 1]);
