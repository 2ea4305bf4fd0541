#include "prpc/transport.h"

#include "base/secret.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_RECORD 16384
#define TLS_OVERHEAD 256 /* of a record, at most */
#define READ_SIZE 32768

void prpc_transport_init(PrpcTransport *transport, int fd, SSL_CTX *tls) {
  *transport = (PrpcTransport){.fd = fd, .ssl = tls ? SSL_new(tls) : NULL, .handshaken = tls == NULL};
  if (!transport->ssl)
    return;
  SSL_set_accept_state(transport->ssl);
  SSL_set_fd(transport->ssl, fd);
  SSL_set_mode(transport->ssl,
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  /* HTTP says itself where a message ends, so a missing close_notify cuts nothing. */
  SSL_set_options(transport->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  static const guchar session_context[] = "prpc";
  SSL_set_session_id_context(transport->ssl, session_context, sizeof session_context);
}

void prpc_transport_close(PrpcTransport *transport) {
  g_clear_pointer(&transport->ssl, SSL_free);
  if (transport->fd >= 0)
    (void)close(transport->fd); /* nothing to be saved any more */
  transport->fd = -1;
}

static PrpcIo tls_result(PrpcTransport *transport, int result, gboolean reading) {
  switch (SSL_get_error(transport->ssl, result)) {
  case SSL_ERROR_WANT_READ:
    transport->write_wants_read = !reading;
    return PRPC_IO_AGAIN;
  case SSL_ERROR_WANT_WRITE:
    transport->read_wants_write = reading;
    return PRPC_IO_AGAIN;
  case SSL_ERROR_ZERO_RETURN:
    return PRPC_IO_END;
  default:
    return PRPC_IO_FAILED;
  }
}

PrpcIo prpc_transport_handshake(PrpcTransport *transport) {
  if (transport->handshaken)
    return PRPC_IO_OK;
  ERR_clear_error();
  transport->read_wants_write = FALSE;
  int result = SSL_do_handshake(transport->ssl);
  transport->handshaken = result == 1;
  return result == 1 ? PRPC_IO_OK : tls_result(transport, result, TRUE);
}

static PrpcIo io_errno(void) { return errno == EAGAIN || errno == EINTR ? PRPC_IO_AGAIN : PRPC_IO_FAILED; }

static PrpcIo tls_read(PrpcTransport *transport, struct evbuffer *in, gsize max) {
  guint8 record[TLS_RECORD];
  ERR_clear_error();
  transport->read_wants_write = FALSE;
  int n = SSL_read(transport->ssl, record, (int)MIN(max, sizeof record));
  if (n <= 0)
    return tls_result(transport, n, TRUE);
  evbuffer_add(in, record, (size_t)n);
  return PRPC_IO_OK;
}

PrpcIo prpc_transport_read(PrpcTransport *transport, struct evbuffer *in, gsize max) {
  if (transport->ssl)
    return tls_read(transport, in, max);
  guint8 piece[READ_SIZE];
  gsize size = MIN(max, sizeof piece);
  ssize_t n = recv(transport->fd, piece, size, 0);
  transport->drained = n < (ssize_t)size;
  if (n > 0)
    evbuffer_add(in, piece, (size_t)n);
  return n > 0 ? PRPC_IO_OK : n == 0 ? PRPC_IO_END : io_errno();
}

static PrpcIo tls_write(PrpcTransport *transport, struct evbuffer *out) {
  ERR_clear_error();
  transport->write_wants_read = FALSE;
  size_t record = transport->max_write ? transport->max_write - TLS_OVERHEAD : TLS_RECORD;
  /* Not evbuffer_pullup(): what it copies, keys among it, would be left in freed memory. */
  guint8 piece[TLS_RECORD];
  ev_ssize_t len = evbuffer_copyout(out, piece, MIN(record, sizeof piece));
  int n = SSL_write(transport->ssl, piece, (int)len);
  secret_wipe(piece, (gsize)len);
  if (n <= 0)
    return tls_result(transport, n, FALSE);
  evbuffer_drain(out, (size_t)n);
  return PRPC_IO_OK;
}

static PrpcIo plain_write(PrpcTransport *transport, struct evbuffer *out) {
  ev_ssize_t most = transport->max_write ? (ev_ssize_t)transport->max_write : -1;
  return evbuffer_write_atmost(out, transport->fd, most) >= 0 ? PRPC_IO_OK : io_errno();
}

PrpcIo prpc_transport_write(PrpcTransport *transport, struct evbuffer *out) {
  while (evbuffer_get_length(out) > 0) {
    PrpcIo io = transport->ssl ? tls_write(transport, out) : plain_write(transport, out);
    if (io != PRPC_IO_OK)
      return io == PRPC_IO_END ? PRPC_IO_FAILED : io;
  }
  return PRPC_IO_OK;
}

void prpc_transport_finish(PrpcTransport *transport) {
  ERR_clear_error();
  if (transport->ssl && transport->handshaken)
    (void)SSL_shutdown(transport->ssl);   /* a courtesy: the peer has the whole answer */
  (void)shutdown(transport->fd, SHUT_WR); /* fails only when the peer is gone */
}

PrpcIo prpc_transport_discard(PrpcTransport *transport, gsize *dropped) {
  guint8 sink[TLS_RECORD];
  ssize_t n = recv(transport->fd, sink, sizeof sink, 0);
  if (n < 0)
    return io_errno();
  *dropped += (gsize)n;
  return n == 0 ? PRPC_IO_END : PRPC_IO_OK;
}
