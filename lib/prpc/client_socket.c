#include "prpc/client_socket.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_GREETING 64 /* bytes of a vsock backend's answer */
#define RETRY_MICROSECONDS 10000

/* Waits for `events` until `deadline` (monotonic, microseconds). */
static gboolean wait_for(int fd, short events, gint64 deadline, GError **error) {
  for (;;) {
    gint64 left_ms = (deadline - g_get_monotonic_time() + 999) / 1000;
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int n = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;
    if (n > 0)
      return TRUE;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      dstack_set_errno(error, errno, "poll");
    else
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "timed out");
    return FALSE;
  }
}

static gboolean unavailable(GError **error, int reason) {
  g_autofree char *text = g_strdup(g_strerror(reason));
  text[0] = g_ascii_tolower(text[0]);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "%s", text);
  return FALSE;
}

/* A unix listener whose queue is full says EAGAIN, and no event tells when there is room. */
static int connect_or_retry(int fd, const struct sockaddr *address, socklen_t len, gint64 deadline) {
  for (;;) {
    if (connect(fd, address, len) == 0)
      return 0;
    if (errno != EAGAIN || g_get_monotonic_time() >= deadline)
      return errno;
    g_usleep(RETRY_MICROSECONDS);
  }
}

static gboolean connect_within(int fd, const struct sockaddr *address, socklen_t len, gint64 deadline, GError **error) {
  int reason = connect_or_retry(fd, address, len, deadline);
  if (reason == EINPROGRESS) {
    socklen_t reason_len = sizeof reason;
    if (!wait_for(fd, POLLOUT, deadline, error))
      return FALSE;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &reason_len) != 0)
      reason = errno;
  }
  return reason == 0 || unavailable(error, reason);
}

static int connect_vsock(const PrpcClientUrl *url, gint64 deadline, GError **error) {
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = url->cid, .svm_port = url->port};
  int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    (void)unavailable(error, errno);
  else if (connect_within(fd, (struct sockaddr *)&address, sizeof address, deadline, error))
    return fd;
  if (fd >= 0)
    (void)close(fd);
  return -1;
}

/* The backend's dialogue: "connect PORT\n" is answered with "OK ...\n". Read byte by byte: what follows is HTTP's. */
static gboolean ask_backend(int fd, guint32 port, gint64 deadline, GError **error) {
  g_autofree char *question = g_strdup_printf("connect %u\n", port);
  if (send(fd, question, strlen(question), MSG_NOSIGNAL) != (ssize_t)strlen(question)) {
    dstack_set_errno(error, errno, "failed to write");
    return FALSE;
  }
  char answer[MAX_GREETING] = "";
  for (gsize len = 0; len + 1 < sizeof answer;) {
    if (!wait_for(fd, POLLIN, deadline, error))
      return FALSE;
    ssize_t n = recv(fd, answer + len, 1, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (n <= 0)
      break;
    if (answer[len] == '\n' && g_str_has_prefix(answer, "OK "))
      return TRUE;
    if (answer[len++] == '\n')
      break;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the vsock backend refused port %u", port);
  return FALSE;
}

static int connect_backend(const PrpcClientUrl *url, gint64 deadline, GError **error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(url->socket_path) >= sizeof address.sun_path) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "path of the socket is too long");
    return -1;
  }
  memcpy(address.sun_path, url->socket_path, strlen(url->socket_path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    dstack_set_errno(error, errno, "failed to make a socket");
  else if (connect_within(fd, (struct sockaddr *)&address, sizeof address, deadline, error) &&
           (url->kind == PRPC_ROUTE_UNIX || ask_backend(fd, url->port, deadline, error)))
    return fd;
  if (fd >= 0)
    (void)close(fd);
  return -1;
}

int prpc_client_socket_connect(const PrpcClientUrl *url, guint timeout_ms, GError **error) {
  gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * G_TIME_SPAN_MILLISECOND;
  int fd = url->kind == PRPC_ROUTE_VSOCK ? connect_vsock(url, deadline, error) : connect_backend(url, deadline, error);
  if (fd >= 0)
    return fd;
  if (url->kind == PRPC_ROUTE_VSOCK)
    g_prefix_error(error, "failed to connect to vsock %u:%u: ", url->cid, url->port);
  else
    g_prefix_error(error, "failed to connect to %s: ", url->socket_path);
  return -1;
}
