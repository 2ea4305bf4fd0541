#include "guest-agent/systemd.h"

#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FDS_START 3
#define MAX_LISTEN_FDS 16

gboolean systemd_notify(const char *state, GError **error) {
  const char *path = g_getenv("NOTIFY_SOCKET");
  if (!path || !*path)
    return TRUE;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  gsize len = strlen(path);
  if (len >= sizeof address.sun_path) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the path of the notify socket is too long");
    return FALSE;
  }
  memcpy(address.sun_path, path, len);
  if (path[0] == '@') /* the abstract name space */
    address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
  gboolean sent =
      fd >= 0 && sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, address_len) >= 0;
  if (!sent)
    dstack_set_errno(error, errno, "failed to notify systemd");
  if (fd >= 0)
    (void)close(fd); /* a datagram socket: nothing is pending */
  return sent;
}

/* A variable that is for another process when its *_PID names one. */
static gboolean meant_for_us(const char *pid_variable, gboolean required) {
  const char *pid = g_getenv(pid_variable);
  return pid ? g_ascii_strtoull(pid, NULL, 10) == (guint64)getpid() : !required;
}

guint64 systemd_watchdog_usec(void) {
  const char *usec = g_getenv("WATCHDOG_USEC");
  return usec && meant_for_us("WATCHDOG_PID", FALSE) ? g_ascii_strtoull(usec, NULL, 10) : 0;
}

gint systemd_listen_fd(guint index) {
  const char *count = g_getenv("LISTEN_FDS");
  if (!count || !meant_for_us("LISTEN_PID", TRUE))
    return 0;
  guint64 passed = MIN(g_ascii_strtoull(count, NULL, 10), MAX_LISTEN_FDS);
  return index < passed ? LISTEN_FDS_START + (gint)index : 0;
}
