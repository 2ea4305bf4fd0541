/* Ten thousand connections that never come to a request: honest clients get their keys all the same, at their usual pace. */
#include "harness.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_CONNECTIONS 10000
#define SPARE_FILES 500
#define MAX_SECONDS 5 /* of an honest client; alone it takes a few milliseconds */
#define N_HONEST 5

static Kms *shared;
static int connections[N_CONNECTIONS];

static gboolean raise_limit(void) {
  struct rlimit limit;
  const rlim_t needed = N_CONNECTIONS + SPARE_FILES;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return FALSE;
  limit.rlim_cur = MAX(limit.rlim_cur, needed);
  limit.rlim_max = MAX(limit.rlim_max, needed);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* Each third connection says nothing, each third begins a handshake, each third goes on with nonsense of a record. */
static void say_something(int fd, guint i) {
  static const guint8 hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
  if (i % 3 != 0)
    (void)send(fd, hello, i % 3 == 1 ? 3 : sizeof hello, MSG_NOSIGNAL); /* the server may have closed already */
}

static int open_half(guint i) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(shared->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_cmpint(fd, >=, 0);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
    g_assert_cmpint(errno, ==, EINPROGRESS);
  say_something(fd, i);
  return fd;
}

static gint64 honest_call(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0x71, 1, GOOD_IMAGE);
  gint64 start = g_get_monotonic_time();
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, &error);
  g_assert_no_error(error);
  return g_get_monotonic_time() - start;
}

static void assert_quick(const char *when) {
  gint64 longest = 0;
  for (guint i = 0; i < N_HONEST; i++)
    longest = MAX(longest, honest_call());
  g_test_message("%s: at most %.1f ms", when, (double)longest / 1000);
  g_assert_cmpint(longest, <, MAX_SECONDS * G_USEC_PER_SEC);
}

static void test_half_open(void) {
  if (!raise_limit()) {
    g_test_skip("the limit of open files can't be raised far enough");
    return;
  }
  assert_quick("alone");
  for (guint i = 0; i < N_CONNECTIONS; i++)
    connections[i] = open_half(i);
  assert_quick("beside 10,000 half-open connections");
  for (guint i = 0; i < N_CONNECTIONS; i++)
    close(connections[i]);
  assert_quick("after them");
}

/* The same while somebody opens new ones all the time. */
typedef struct {
  gint stop, opened; /* atomic */
} Flood;

static gpointer run_flood(gpointer data) {
  Flood *flood = data;
  for (guint i = 0; !g_atomic_int_get(&flood->stop) && i < N_CONNECTIONS; i++) {
    connections[i] = open_half(i);
    g_atomic_int_set(&flood->opened, (gint)i + 1);
  }
  return NULL;
}

static void test_flood(void) {
  if (!raise_limit()) {
    g_test_skip("the limit of open files can't be raised far enough");
    return;
  }
  Flood flood = {0};
  GThread *thread = g_thread_new("flood", run_flood, &flood);
  assert_quick("while more are opened");
  g_atomic_int_set(&flood.stop, 1);
  (void)g_thread_join(thread);
  g_test_message("%d were opened meanwhile", flood.opened);
  for (gint i = 0; i < flood.opened; i++)
    close(connections[i]);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shared = kms_new();
  kms_start(shared);
  g_test_add_func("/kms/half-open/held", test_half_open);
  g_test_add_func("/kms/half-open/flood", test_flood);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
