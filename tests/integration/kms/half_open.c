#include "half_open.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE_FILES 500

struct HalfOpen {
  guint16 port;
  guint n, max;
  int *fds;
};

static gboolean raise_limit(rlim_t needed) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return FALSE;
  limit.rlim_cur = MAX(limit.rlim_cur, needed);
  limit.rlim_max = MAX(limit.rlim_max, needed);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

HalfOpen *half_open_new(const Kms *kms, guint n) {
  if (!raise_limit((rlim_t)n + SPARE_FILES))
    return NULL;
  HalfOpen *half_open = g_new0(HalfOpen, 1);
  half_open->port = kms->port;
  half_open->max = n;
  half_open->fds = g_new(int, n);
  return half_open;
}

void half_open_free(HalfOpen *half_open) {
  if (!half_open)
    return;
  for (guint i = 0; i < half_open->n; i++)
    close(half_open->fds[i]);
  g_free(half_open->fds);
  g_free(half_open);
}

static void say_something(int fd, guint i) {
  static const guint8 hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
  if (i % 3 != 0)
    (void)send(fd, hello, i % 3 == 1 ? 3 : sizeof hello, MSG_NOSIGNAL); /* the server may have closed already */
}

gboolean half_open_add(HalfOpen *half_open) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(half_open->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (half_open->n == half_open->max)
    return FALSE;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_cmpint(fd, >=, 0);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
    g_assert_cmpint(errno, ==, EINPROGRESS);
  say_something(fd, half_open->n);
  half_open->fds[half_open->n++] = fd;
  return TRUE;
}

guint half_open_count(const HalfOpen *half_open) { return half_open->n; }
