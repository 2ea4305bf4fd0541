#include "prpc/listen_socket.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

typedef union {
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_un un;
  struct sockaddr_vm vm;
  struct sockaddr_storage storage;
} SocketAddress;

/* ---- addresses ---- */

static gboolean parse_number(const char *text, guint64 max, guint64 *out) {
  gboolean hex = g_str_has_prefix(text, "0x");
  return g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0, max, out, NULL);
}

static gboolean parse_vsock(const char *text, SocketAddress *address) {
  g_auto(GStrv) parts = g_strsplit(text, ":", 3);
  guint64 cid, port;
  if (g_strv_length(parts) != 2 || !parse_number(parts[0], G_MAXUINT32, &cid) ||
      !parse_number(parts[1], G_MAXUINT32, &port))
    return FALSE;
  address->vm = (struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = (guint32)cid, .svm_port = (guint32)port};
  return TRUE;
}

static gboolean parse_tcp(const char *text, SocketAddress *address, socklen_t *len) {
  const char *colon = strrchr(text, ':');
  guint64 port;
  if (!colon || !parse_number(colon + 1, G_MAXUINT16, &port))
    return FALSE;
  gboolean bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
  g_autofree char *host =
      bracketed ? g_strndup(text + 1, (gsize)(colon - text) - 2) : g_strndup(text, (gsize)(colon - text));
  if (bracketed && inet_pton(AF_INET6, host, &address->in6.sin6_addr) == 1) {
    address->in6.sin6_family = AF_INET6;
    address->in6.sin6_port = htons((guint16)port);
    *len = sizeof address->in6;
    return TRUE;
  }
  if (bracketed || inet_pton(AF_INET, host, &address->in.sin_addr) != 1)
    return FALSE;
  address->in.sin_family = AF_INET;
  address->in.sin_port = htons((guint16)port);
  *len = sizeof address->in;
  return TRUE;
}

static gboolean parse_address(const char *text, SocketAddress *address, socklen_t *len) {
  memset(address, 0, sizeof *address);
  if (g_str_has_prefix(text, "unix:")) {
    const char *path = text + strlen("unix:");
    gsize size = strlen(path);
    if (size == 0 || size >= sizeof address->un.sun_path)
      return FALSE;
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, path, size);
    *len = sizeof address->un;
    return TRUE;
  }
  if (g_str_has_prefix(text, "vsock:")) {
    *len = sizeof address->vm;
    return parse_vsock(text + strlen("vsock:"), address);
  }
  return parse_tcp(g_str_has_prefix(text, "tcp:") ? text + strlen("tcp:") : text, address, len);
}

/* ---- unix sockets ---- */

/* Holds a lock beside the socket, so that two processes never replace each other's, and a stale socket can be told. */
static gboolean guard_unix_path(PrpcListenSocket *out, const char *path, GError **error) {
  g_autofree char *lock_path = g_strconcat(path, ".lock", NULL);
  out->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (out->lock_fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", lock_path);
    return FALSE;
  }
  if (flock(out->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "%s is in use by another process", path);
    return FALSE;
  }
  struct stat st;
  if (lstat(path, &st) == 0 && (!S_ISSOCK(st.st_mode) || unlink(path) != 0)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "%s exists and is no stale socket", path);
    return FALSE;
  }
  return TRUE;
}

static gboolean bind_unix(PrpcListenSocket *out, const SocketAddress *address, socklen_t len, mode_t mode,
                          GError **error) {
  const char *path = address->un.sun_path;
  if (!guard_unix_path(out, path, error))
    return FALSE;
  if (mode == 0)
    mode = 0600;
  /* The socket file takes its first mode from the socket itself: it is never wider than asked for. */
  if (fchmod(out->fd, mode) != 0 || bind(out->fd, &address->any, len) != 0) {
    dstack_set_errno(error, errno, "failed to bind %s", path);
    return FALSE;
  }
  out->unix_path = g_strdup(path);
  if (chmod(path, mode) != 0) { /* undoes the umask */
    dstack_set_errno(error, errno, "failed to set the mode of %s", path);
    return FALSE;
  }
  return TRUE;
}

/* ---- opening ---- */

static PrpcPeerKind kind_of_family(int family) {
  return family == AF_UNIX ? PRPC_PEER_UNIX : family == AF_VSOCK ? PRPC_PEER_VSOCK : PRPC_PEER_TCP;
}

static void read_own_address(PrpcListenSocket *out) {
  SocketAddress own = {0};
  socklen_t len = sizeof own;
  if (getsockname(out->fd, &own.any, &len) != 0)
    return;
  out->kind = kind_of_family(own.any.sa_family);
  if (out->kind == PRPC_PEER_TCP)
    out->port = ntohs(own.any.sa_family == AF_INET6 ? own.in6.sin6_port : own.in.sin_port);
}

static gboolean bind_and_listen(PrpcListenSocket *out, const char *label, const SocketAddress *address, socklen_t len,
                                mode_t mode, GError **error) {
  const int on = 1;
  if (address->any.sa_family == AF_UNIX) {
    if (!bind_unix(out, address, len, mode, error))
      return FALSE;
  } else if (setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
             bind(out->fd, &address->any, len) != 0) {
    dstack_set_errno(error, errno, "failed to bind %s", label);
    return FALSE;
  }
  if (listen(out->fd, BACKLOG) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to listen on %s", label);
  return FALSE;
}

static gboolean adopt(PrpcListenSocket *out, int fd, const char *label, GError **error) {
  int listening = 0;
  socklen_t len = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: file descriptor %d is no listening socket", label, fd);
    return FALSE;
  }
  out->fd = fd;
  return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static gboolean open_new(PrpcListenSocket *out, const char *address, mode_t mode, GError **error) {
  SocketAddress parsed;
  socklen_t len;
  if (!parse_address(address, &parsed, &len)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid listen address '%s'", address);
    return FALSE;
  }
  out->fd = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (out->fd < 0) {
    dstack_set_errno(error, errno, "failed to make a socket for %s", address);
    return FALSE;
  }
  return bind_and_listen(out, address, &parsed, len, mode, error);
}

gboolean prpc_listen_socket_open(PrpcListenSocket *out, const char *address, const PrpcListenOptions *options,
                                 GError **error) {
  *out = (PrpcListenSocket){.fd = -1, .lock_fd = -1};
  gboolean opened = options && options->fd > 0 ? adopt(out, options->fd, address, error)
                                               : open_new(out, address, options ? options->unix_mode : 0, error);
  if (opened)
    read_own_address(out);
  else
    prpc_listen_socket_close(out);
  return opened;
}

void prpc_listen_socket_close(PrpcListenSocket *socket) {
  if (socket->fd >= 0)
    (void)close(socket->fd);
  if (socket->unix_path)
    (void)unlink(socket->unix_path); /* a stale one would be replaced anyway */
  if (socket->lock_fd >= 0)
    (void)close(socket->lock_fd); /* the lock file stays: removing it would race with another opener */
  g_free(socket->unix_path);
  *socket = (PrpcListenSocket){.fd = -1, .lock_fd = -1};
}

/* ---- peers ---- */

static void read_unix_peer(PrpcPeer *peer, int fd) {
  struct ucred credentials;
  socklen_t len = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) == 0) {
    peer->uid = (gint)credentials.uid;
    peer->pid = credentials.pid;
  }
  g_snprintf(peer->address, sizeof peer->address, "unix:pid=%d,uid=%d", peer->pid, peer->uid);
}

static void format_tcp_peer(PrpcPeer *peer, const SocketAddress *address) {
  char ip[INET6_ADDRSTRLEN] = "";
  gboolean v6 = address->any.sa_family == AF_INET6;
  const void *raw = v6 ? (const void *)&address->in6.sin6_addr : (const void *)&address->in.sin_addr;
  if (!inet_ntop(address->any.sa_family, raw, ip, sizeof ip))
    ip[0] = 0;
  guint16 port = ntohs(v6 ? address->in6.sin6_port : address->in.sin_port);
  g_snprintf(peer->address, sizeof peer->address, v6 ? "[%s]:%u" : "%s:%u", ip, port);
}

void prpc_peer_read(PrpcPeer *peer, int fd, PrpcPeerKind kind) {
  *peer = (PrpcPeer){.kind = kind, .uid = -1, .pid = -1};
  if (kind == PRPC_PEER_UNIX) {
    read_unix_peer(peer, fd);
    return;
  }
  SocketAddress address = {0};
  socklen_t len = sizeof address;
  if (getpeername(fd, &address.any, &len) != 0)
    return;
  if (kind == PRPC_PEER_TCP) {
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only a matter of speed */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    format_tcp_peer(peer, &address);
    return;
  }
  peer->cid = address.vm.svm_cid;
  peer->port = address.vm.svm_port;
  g_snprintf(peer->address, sizeof peer->address, "vsock:%u:%u", peer->cid, peer->port);
}
