/* Inside lib/prpc: listening sockets by address, and who is at the other end of an accepted one. */
#pragma once

#include "prpc/server.h"

typedef struct {
  int fd;
  PrpcPeerKind kind;
  char *unix_path; /* of a socket file that is ours to remove, or NULL */
  int lock_fd;     /* of its lock file, or -1 */
  guint16 port;    /* TCP */
} PrpcListenSocket;

/* Binds and listens. Errors: INVALID address, EXISTS (another process has it), IO, DENIED. */
gboolean prpc_listen_socket_open(PrpcListenSocket *out, const char *address, const PrpcListenOptions *options,
                                 GError **error);
void prpc_listen_socket_close(PrpcListenSocket *socket);

/* Fills `peer` for the connected socket `fd`. */
void prpc_peer_read(PrpcPeer *peer, int fd, PrpcPeerKind kind);
