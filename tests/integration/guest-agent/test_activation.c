/* Sockets passed by systemd: the agent serves them, and leaves them alone when it ends, so that clients lose nothing between two of
 * its lives. */
#include "harness.h"

#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shell moves them to 3 and 4, where systemd's protocol wants them. */
enum { DSTACK_FD = 8, TAPPD_FD = 9 };

static void listen_at(const char *name, int wanted_fd) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_autofree char *path = simulator_path(name);
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(chmod(path, 0777), ==, 0);
  g_assert_cmpint(listen(fd, 64), ==, 0);
  g_assert_cmpint(fcntl(wanted_fd, F_GETFD), ==, -1);
  g_assert_cmpint(dup2(fd, wanted_fd), ==, wanted_fd);
  close(fd);
}

static void write_launcher(void) {
  g_autofree char *path = simulator_path("launcher");
  g_autofree char *script =
      g_strdup_printf("#!/bin/sh\nexport LISTEN_FDS=2 LISTEN_PID=$$\nexec '%s' 3<&%d 4<&%d %d<&- %d<&-\n",
                      g_getenv("DSTACK_SIMULATOR"), DSTACK_FD, TAPPD_FD, DSTACK_FD, TAPPD_FD);
  g_assert_true(file_write_atomic(path, script, strlen(script), 0755, NULL));
  g_setenv("DSTACK_SIMULATOR", path, TRUE);
}

static gboolean exists(const char *name) {
  g_autofree char *path = simulator_path(name);
  return access(path, F_OK) == 0;
}

static void test_passed_sockets(void) {
  simulator_start();
  simulator_assert_http("passed-dstack.sock", "GET", "/GetKey?path=/&purpose=test", NULL, NULL, 200, "{\"key\":\"082d1979");
  simulator_assert_http("passed-tappd.sock", "GET", "/prpc/Tappd.Version", NULL, NULL, 200, "{\"version\"");
  simulator_assert_http("passed-tappd.sock", "GET", "/GetKey", NULL, NULL, 404, "");
  g_assert_false(exists("dstack.sock")); /* the configured ones are not needed */
  g_assert_false(exists("tappd.sock"));
  g_assert_true(WIFEXITED(simulator_stop(SIGTERM)));
  g_assert_true(exists("passed-dstack.sock"));
}

/* A client that comes between two lives waits, and is answered by the next. */
static void test_next_life(void) {
  int fd = simulator_connect("passed-dstack.sock");
  static const char request[] = "GET /Version HTTP/1.1\r\nConnection: close\r\n\r\n";
  g_assert_cmpint(send(fd, request, strlen(request), 0), ==, strlen(request));
  simulator_start();
  char status[13] = "";
  g_assert_cmpint(recv(fd, status, 12, MSG_WAITALL), ==, 12);
  g_assert_cmpstr(status, ==, "HTTP/1.1 200");
  close(fd);
  simulator_stop(SIGTERM);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  simulator_set_up();
  listen_at("passed-dstack.sock", DSTACK_FD);
  listen_at("passed-tappd.sock", TAPPD_FD);
  write_launcher();
  g_test_add_func("/activation/passed-sockets", test_passed_sockets);
  g_test_add_func("/activation/next-life", test_next_life);
  int status = g_test_run();
  simulator_tear_down();
  return status;
}
