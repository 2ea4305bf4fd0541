/* Tests of the agent as a service of systemd: readiness, watchdog, passed sockets. */
#include "base/error.h"
#include "base/file.h"
#include "guest-agent/systemd.h"
#include "guest-agent/watchdog.h"
#include "prpc/server.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct {
  char *dir, *path;
  int fd;
} NotifySocket;

static void notify_socket_open(NotifySocket *socket_) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socket_->dir = g_dir_make_tmp("dstack-notify-XXXXXX", NULL);
  socket_->path = g_build_filename(socket_->dir, "notify", NULL);
  socket_->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_strlcpy(address.sun_path, socket_->path, sizeof address.sun_path);
  g_assert_cmpint(bind(socket_->fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_setenv("NOTIFY_SOCKET", socket_->path, TRUE);
}

static void notify_socket_close(NotifySocket *socket_) {
  g_unsetenv("NOTIFY_SOCKET");
  close(socket_->fd);
  g_assert_true(file_remove_tree(socket_->dir, NULL));
  g_free(socket_->dir);
  g_free(socket_->path);
}

/* The next message, or "" when none comes in time. */
static char *next_message(NotifySocket *socket_, int timeout_ms) {
  struct pollfd poll_fd = {.fd = socket_->fd, .events = POLLIN};
  char text[256] = "";
  if (poll(&poll_fd, 1, timeout_ms) == 1)
    g_assert_cmpint(recv(socket_->fd, text, sizeof text - 1, 0), >=, 0);
  return g_strdup(text);
}

static void assert_message(NotifySocket *socket_, int timeout_ms, const char *expected) {
  g_autofree char *message = next_message(socket_, timeout_ms);
  g_assert_cmpstr(message, ==, expected);
}

static void version(PrpcHttpRequest *request, gpointer status) {
  prpc_http_reply(request, *(int *)status, "text/plain", "x", 1, NULL);
}

/* READY comes always; WATCHDOG only while the public port answers well. */
static void test_watchdog(void) {
  int status = 200;
  NotifySocket notify;
  notify_socket_open(&notify);
  g_setenv("WATCHDOG_USEC", "2000000", TRUE);
  g_autoptr(GError) error = NULL;
  PrpcRouter *router = prpc_router_new("test");
  prpc_router_route(router, "GET", "/prpc/Worker.Version", 0, version, &status);
  PrpcServer *server = prpc_server_new(1, 10, &error);
  guint listener = prpc_server_listen(server, "127.0.0.1:0", router, NULL, &error);
  g_assert_no_error(error);
  guint16 port = prpc_server_port(server, listener);
  prpc_server_start(server);
  Watchdog *watchdog = watchdog_start(TRUE, port);
  assert_message(&notify, 1000, "READY=1");
  assert_message(&notify, 1000, "WATCHDOG=1"); /* the first tick at once */
  assert_message(&notify, 3000, "WATCHDOG=1");
  watchdog_stop(watchdog);
  status = 500;
  watchdog = watchdog_start(TRUE, port);
  assert_message(&notify, 1000, "READY=1");
  assert_message(&notify, 1500, "");
  watchdog_stop(watchdog);
  g_unsetenv("WATCHDOG_USEC");
  watchdog = watchdog_start(TRUE, port);
  assert_message(&notify, 1000, "READY=1");
  assert_message(&notify, 100, "");
  watchdog_stop(watchdog);
  prpc_server_free(server);
  prpc_router_free(router);
  notify_socket_close(&notify);
}

static void test_environment(void) {
  g_autofree char *ours = g_strdup_printf("%d", (int)getpid());
  g_assert_cmpuint(systemd_watchdog_usec(), ==, 0);
  g_setenv("WATCHDOG_USEC", "30000000", TRUE);
  g_assert_cmpuint(systemd_watchdog_usec(), ==, 30000000);
  g_setenv("WATCHDOG_PID", "1", TRUE);
  g_assert_cmpuint(systemd_watchdog_usec(), ==, 0);
  g_setenv("WATCHDOG_PID", ours, TRUE);
  g_assert_cmpuint(systemd_watchdog_usec(), ==, 30000000);
  g_assert_cmpint(systemd_listen_fd(0), ==, 0);
  g_setenv("LISTEN_FDS", "2", TRUE);
  g_assert_cmpint(systemd_listen_fd(0), ==, 0); /* for whom? */
  g_setenv("LISTEN_PID", "1", TRUE);
  g_assert_cmpint(systemd_listen_fd(0), ==, 0);
  g_setenv("LISTEN_PID", ours, TRUE);
  g_assert_cmpint(systemd_listen_fd(0), ==, 3);
  g_assert_cmpint(systemd_listen_fd(1), ==, 4);
  g_assert_cmpint(systemd_listen_fd(2), ==, 0);
  g_setenv("LISTEN_FDS", "nonsense", TRUE);
  g_assert_cmpint(systemd_listen_fd(0), ==, 0);
  for (const char *const *name =
           (const char *const[]){"WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", NULL};
       *name; name++)
    g_unsetenv(*name);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/systemd/watchdog", test_watchdog);
  g_test_add_func("/systemd/environment", test_environment);
  return g_test_run();
}
