/* Inside lib/prpc: a non-blocking stream socket, plain or TLS. It keeps nothing but the socket and the TLS session:
 * buffers belong to the caller, so that an idle connection costs next to nothing. */
#pragma once

#include <event2/buffer.h>
#include <glib.h>
#include <openssl/ssl.h>

/* The user-space vsock device breaks when a guest writes 32 KiB or more at once, so no end of a vsock connection does.
 */
#define PRPC_VSOCK_MAX_WRITE 16384

typedef struct {
  int fd;
  gsize max_write; /* bytes handed to the socket at once; 0: any number */
  SSL *ssl;        /* NULL: plain */
  gboolean handshaken;
  gboolean drained;                            /* the last read took all there was */
  gboolean read_wants_write, write_wants_read; /* TLS may need the other direction to go on */
} PrpcTransport;

typedef enum { PRPC_IO_OK, PRPC_IO_AGAIN, PRPC_IO_END, PRPC_IO_FAILED } PrpcIo;

/* Takes the socket over. `tls` is a server's context, or NULL. */
void prpc_transport_init(PrpcTransport *transport, int fd, SSL_CTX *tls);
void prpc_transport_close(PrpcTransport *transport);

/* Drives the TLS handshake; OK when there is none. */
PrpcIo prpc_transport_handshake(PrpcTransport *transport);
/* Reads once, at most `max` bytes, to the end of `in`. END: the peer sends no more, but may still read. */
PrpcIo prpc_transport_read(PrpcTransport *transport, struct evbuffer *in, gsize max);
/* Writes until `out` is empty (OK) or the socket is full. */
PrpcIo prpc_transport_write(PrpcTransport *transport, struct evbuffer *out);
/* Tells the peer that no more will be written. */
void prpc_transport_finish(PrpcTransport *transport);
/* Reads and drops what the peer still sends. END when it closed too. */
PrpcIo prpc_transport_discard(PrpcTransport *transport, gsize *dropped);
